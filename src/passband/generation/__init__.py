"""Bridges between simulated and experimental micrographs."""
