"""An image with its truth and how it was made: reading, storing, acquiring."""
