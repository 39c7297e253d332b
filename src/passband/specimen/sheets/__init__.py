"""Sheets one layer thick: graphene, dichalcogenides, their defects, and what the beam does to them."""
