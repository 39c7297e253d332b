"""Labelled data: scenes simulated once into a store of exit waves, imaged again and again.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
