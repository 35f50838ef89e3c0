"""What several test rooms share: processes, fakes, a plug-in."""
