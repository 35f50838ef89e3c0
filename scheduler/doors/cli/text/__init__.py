"""Text on a terminal: lines that fit, tables, a run as a chat, logs."""
