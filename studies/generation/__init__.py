"""How few micrographs a generator can learn from, with and without augmentation."""
