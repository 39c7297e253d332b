"""One study: from a plan to a trained network and its scores."""
