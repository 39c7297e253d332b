"""Which conditions to train on, when there is a budget for a few."""
