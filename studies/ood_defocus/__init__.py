"""Networks trained at one defocus, measured at every other."""
