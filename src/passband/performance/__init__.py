"""How a network performs under many conditions: measured, kept on its card, and predicted between."""
