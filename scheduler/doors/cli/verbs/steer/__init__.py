"""Control: resume, cancel, pause, halt."""
