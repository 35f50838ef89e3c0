"""The verbs of the command line, grouped as in ``--help``."""
