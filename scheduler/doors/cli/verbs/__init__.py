"""The verbs of the command line, by what a person wants."""
