"""Random aberrations: which measure forecasts where a network fails."""
