"""The daemon: claim due runs, keep leases of running ones, and stop cleanly."""
