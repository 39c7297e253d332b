"""Any microscope file in, one micrograph out: formats, readers, and the files that passband writes.

Its names are public as far as `import passband` offers them; the others may change from one version to the next.
"""
