"""Lattices of atomic columns of any kind, as the beam looks along them."""
