"""What makes a network that was trained on simulations hold on real gold."""
