"""What the microscopist touches: command line, reports, weights."""
