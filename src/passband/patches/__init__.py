"""Images on their way to a network: resampled, standardised, cut into tiles, turned and mirrored.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
