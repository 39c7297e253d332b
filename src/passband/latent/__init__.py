"""What varies from atom to atom: images around atoms, mixtures, autoencoders, and their course in time."""
