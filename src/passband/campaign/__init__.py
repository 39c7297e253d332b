"""Plans that become runs: recipes, grids, schedulers."""
