"""What can be known of a network before it is trained."""
