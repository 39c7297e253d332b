"""Pages for a person: HTML with text, tables and figures inline."""
