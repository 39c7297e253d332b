"""Film stacks seen edge-on: layers with and without a lattice, the faces between them, and what they are made of."""
