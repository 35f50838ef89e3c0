"""This machine: child processes, the sandbox, control groups, paths and plug-ins."""
