"""Numbers from segmented micrographs: particles, atoms, order parameters."""
