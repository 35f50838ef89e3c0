"""What is wrong or doubtful in a crontab, beyond what its text alone shows."""
