"""This machine: child processes, the sandbox, control groups, and paths that lead nowhere else."""
