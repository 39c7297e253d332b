"""One reader per family of files; each bounds every claim of the file by the file itself before it allocates."""
