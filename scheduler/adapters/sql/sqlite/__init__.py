"""SQLite: how its file is opened, written, copied, checked and put back."""
