"""Vectors of crops by which textures are told apart: classical ones, and an encoder that is trained."""
