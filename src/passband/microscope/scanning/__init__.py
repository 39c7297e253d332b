"""A beam that scans: the probe, its detectors, and images of atoms by multislice and by the incoherent model."""
