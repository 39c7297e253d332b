"""Networks that draw micrographs, or change them from one domain to another."""
