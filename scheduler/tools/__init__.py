"""What an agent may do, one file each."""
