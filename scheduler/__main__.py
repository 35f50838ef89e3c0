"""``python -m scheduler`` is ``agentcron``."""

from scheduler.doors.cli.main import main

main()
