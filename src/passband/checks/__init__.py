"""Is this a micrograph on which a mask can be right: checks of one image, each measured before it may speak.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
