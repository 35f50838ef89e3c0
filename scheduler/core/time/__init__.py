"""Time: instants, zones, cron expressions, triggers, and what "sleep until" means."""
