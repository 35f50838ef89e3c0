"""Text for a terminal: folded lines, tables, a run as a chat, logs."""
