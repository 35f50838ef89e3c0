"""The grammar of "sleep until": a text, what it says, and the instants that it may mean."""
