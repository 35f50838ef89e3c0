"""Time: instants, zones, cron expressions, triggers, and the grammar of "sleep until"."""
