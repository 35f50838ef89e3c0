"""How the world answers: one file or folder per dependency."""
