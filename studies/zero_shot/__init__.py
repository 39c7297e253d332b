"""Microstructure without training: how much of a cross-section it finds, and what each of its parts brings."""
