"""The read side: queries of people and doors."""
