"""The stored text of a job back to a job, with what is installed here."""

from __future__ import annotations

import json
from functools import lru_cache

from scheduler.core.job.job import Job
from scheduler.core.job.stored import job_from_json


def job_from(text: str) -> Job:
    """Return what ``job_text`` wrote; kept, because reading a cron expression takes half a millisecond."""
    job = _plain_job(text)
    if not job.unknown:
        return job
    try:
        return _job_with_plug_ins(text)
    except _NotKnownError as error:
        return error.job


def forget_plug_ins() -> None:
    """Forget the jobs that were read with plug-ins."""
    _job_with_plug_ins.cache_clear()


@lru_cache(maxsize=1024)
def _plain_job(text: str) -> Job:
    return job_from_json(json.loads(text))


class _NotKnownError(Exception):
    """A job has something unknown, which is not to be remembered: a plug-in may be installed again."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.name)
        self.job = job


@lru_cache(maxsize=1024)
def _job_with_plug_ins(text: str) -> Job:
    # Imports all options of the crontab, which who reads an ordinary job has no use for.
    from scheduler.host.vocabulary import vocabulary

    job = job_from_json(json.loads(text), vocabulary())
    if job.unknown:
        raise _NotKnownError(job)
    return job
