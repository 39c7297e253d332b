"""How far to trust a network's mask of a micrograph, why, and what to do about it.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
