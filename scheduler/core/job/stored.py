"""A job as JSON values: pinned with each run, and kept beside the crontab."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from scheduler.core.job.job import Budget, Job
from scheduler.core.job.option import Option
from scheduler.core.job.vocabulary import WITHOUT_PLUG_INS, Vocabulary
from scheduler.core.registry import Registry
from scheduler.core.time.trigger import MissingTrigger, trigger_from_json
from scheduler.errors import ConfigError

_OWN = frozenset(f.name for f in fields(Job)) - {"unknown"}
_CAPS = frozenset(f.name for f in fields(Budget))


def job_to_json(job: Job) -> dict[str, Any]:
    """Return the job as JSON values, to be pinned with a run; ``job_from_json`` reads it back."""
    values = {name: getattr(job, name) for name in (f.name for f in fields(job)) if name in _OWN}
    values["trigger"] = job.trigger.to_json()
    values["budget"] = {f.name: getattr(job.budget, f.name) for f in fields(Budget)}
    values["tools"] = None if job.tools is None else list(job.tools)
    values["env"] = [list(pair) for pair in job.env]
    values["secrets"] = [list(pair) for pair in job.secrets]
    if job.extra:
        values["extra"] = dict(job.extra)
    else:  # a job without any is stored as before there were any, and so has not changed
        del values["extra"]
    for name, text in job.unknown:
        group, dot, key = name.partition(".")
        (values.setdefault(group, {}) if dot else values)[key or group] = json.loads(text)
    return values


def job_from_json(values: Mapping[str, Any], vocabulary: Vocabulary = WITHOUT_PLUG_INS) -> Job:
    """Return the job that ``job_to_json`` wrote; what is not known here becomes its ``unknown``."""
    given = {name: value for name, value in values.items() if name in _OWN}
    caps = values["budget"]
    given["trigger"] = trigger = trigger_from_json(values["trigger"], vocabulary.triggers)
    given["budget"] = Budget(**{name: value for name, value in caps.items() if name in _CAPS})
    given["tools"] = None if values["tools"] is None else tuple(values["tools"])
    given["env"] = tuple((name, value) for name, value in values["env"])
    given["secrets"] = tuple((name, where) for name, where in values.get("secrets", ()))
    strange = {name: value for name, value in values.items() if name not in _OWN}
    strange |= {f"budget.{name}": value for name, value in caps.items() if name not in _CAPS}
    if isinstance(trigger, MissingTrigger):
        strange["trigger"] = values["trigger"]
    if extra := values.get("extra"):
        given["extra"] = {name: value for name, value in extra.items() if _known(name, vocabulary.options)}
        strange |= {f"extra.{name}": extra[name] for name in extra.keys() - given["extra"].keys()}
    given["unknown"] = tuple((name, json.dumps(value)) for name, value in strange.items())
    return Job(**given)


def unknown_reason(job: Job) -> str:
    """Return why no attempt of a job with ``unknown`` may begin, and what to do about it."""
    names, missing = [], []
    for name, _ in job.unknown:
        group, dot, key = name.partition(".")
        if name == "trigger":
            missing.append(f"schedule {job.trigger.describe()}")
        elif dot and group == "extra":
            missing.append(f"option {key}=")
        else:
            names.append(name)
    reasons = []
    if missing:
        reasons.append(f"{', '.join(missing)}: install or repair the plug-in that provides it")
    if names:
        reasons.append(f"{', '.join(names)}: upgrade agentcron, a newer version has pinned it")
    return f"its job has settings that are unknown here: {'; '.join(reasons)}"


def _known(name: str, options: Registry[Option]) -> bool:
    try:
        return options.get(name) is not None
    except ConfigError:
        return False
