"""One study: from a plan to a trained network and its scores.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
