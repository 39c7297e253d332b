"""What can be known of a network before it is trained.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
