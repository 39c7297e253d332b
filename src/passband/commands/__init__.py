"""The command line: one file for each command.

Not public: it may change from one version to the next.
"""
