"""What is under the beam: crystals, particles, films, random scenes (Å; NumPy and ASE, no torch)."""
