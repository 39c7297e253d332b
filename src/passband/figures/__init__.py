"""Every figure, in one style, returned as a matplotlib figure.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
