"""How much of an object micrographs transfer, and how alike two settings are: ε, σ and Δε."""
