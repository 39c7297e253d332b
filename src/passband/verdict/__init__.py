"""Does this network hold on this micrograph, why, and what to do about it."""
