"""Every figure, in one style, returned as an image."""
