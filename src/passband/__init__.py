"""Neural networks for electron micrographs that know what they can see."""

__version__ = "0.1.0"
