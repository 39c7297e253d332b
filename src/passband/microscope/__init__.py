"""Atoms in, intensity out: potentials, multislice, aberrations, imaging, detector (torch, batched).

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
