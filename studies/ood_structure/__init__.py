"""Other structures under known optics."""
