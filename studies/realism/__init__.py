"""Which way of making simulations look like a microscope's images trains the better detector of defects."""
