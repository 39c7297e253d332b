"""Masks by Segment Anything and its kind: networks, prompts and automatic grids."""
