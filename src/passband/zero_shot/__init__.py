"""Microstructure without training: masks proposed, made one for each material, and measured."""
