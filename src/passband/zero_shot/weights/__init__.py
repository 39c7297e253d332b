"""Weights of others: where they are, what they must be, how they come here."""
