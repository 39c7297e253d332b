"""Which measure forecasts where a network fails: a comparison that was written down before it was run."""
