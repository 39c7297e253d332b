"""Every figure, in one style, returned as a matplotlib figure."""
