"""What a rotation-invariant autoencoder finds in a movie whose truth is known."""
