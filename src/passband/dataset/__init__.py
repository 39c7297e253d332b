"""Labelled data: scenes simulated once into a store of exit waves, imaged again and again."""
