"""Images on their way to a network: resampled, standardised, cut into tiles, turned and mirrored."""
