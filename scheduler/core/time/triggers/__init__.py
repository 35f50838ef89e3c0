"""The kinds of triggers, one per file: parsing, instants, lint and storage of a kind."""
