"""What commands share at a terminal: options, quantities with units, progress bars and messages."""
