"""Numbers from segmented micrographs: particles, atoms, order parameters.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
