"""The conditions that a micrograph was taken under, from the Thon rings of its power spectrum."""
