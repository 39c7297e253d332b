"""Pages for a person: HTML with text, tables and figures inline.

Not public: it may change from one version to the next.
"""
