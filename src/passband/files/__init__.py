"""Any microscope file in, one micrograph out: formats, readers, and the files that passband writes."""
