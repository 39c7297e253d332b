"""Kinds of microscopes, each with its settings, their distributions, and what its images tell of them."""
