"""Does this network hold on this micrograph? Measures before training, signals after it, and the verdict."""
