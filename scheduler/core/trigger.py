"""When a job fires: the five kinds of trigger that exist today."""
