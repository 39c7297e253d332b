"""How good is it: overlap, detection, realism."""
