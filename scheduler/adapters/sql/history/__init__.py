"""The read side: what people and other doors ask of the database."""
