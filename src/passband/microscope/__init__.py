"""Atoms in, intensity out: potentials, multislice, aberrations, imaging, detector (torch, batched)."""
