"""The workdir of a job, looked at before an attempt works there: a folder, and the one of the crontab."""

from __future__ import annotations

import os


def unusable(path: str) -> str:
    """Make a workdir that is missing; return why no attempt may work there, or an empty text.

    The crontab's loader pins real paths.  One that leads elsewhere by now was exchanged for a link, perhaps
    by an agent, and what this job may do in its own folder it would do in somebody else's.
    """
    real = os.path.realpath(path)
    if real != path:
        return (
            f"its workdir {path} leads by a symlink to {real}: "
            "put a folder back there, or cancel the run and start it anew"
        )
    if os.path.isdir(path):
        return ""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except FileExistsError:
        return f"its workdir {path} is no folder: move away what lies there"
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        return f"its workdir {path} cannot be made: {why}"
    return "" if os.path.realpath(path) == path else f"its workdir {path} was exchanged at this moment"
