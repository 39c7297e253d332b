"""Networks and classical methods that label every pixel of a micrograph.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
