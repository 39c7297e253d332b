"""How a network performs under many conditions: measured, kept on its card, and predicted between.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
