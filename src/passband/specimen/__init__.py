"""What is under the beam: crystals, particles, films, random scenes (Å; NumPy and ASE, no torch).

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
