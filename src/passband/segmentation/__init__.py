"""Networks and classical methods that label every pixel of a micrograph."""
