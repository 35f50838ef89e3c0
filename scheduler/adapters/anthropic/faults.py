"""Translate every error of a request into a ModelFault, without the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from scheduler.core.text.safe import safe_text
from scheduler.errors import FaultKind, ModelFault

_BY_TYPE: Mapping[str, FaultKind] = {
    "overloaded_error": "overloaded",
    "api_error": "overloaded",
    "timeout_error": "overloaded",
    "rate_limit_error": "rate_limited",
    "authentication_error": "auth",
    "permission_error": "auth",
    "billing_error": "billing",
    "invalid_request_error": "invalid",
    "not_found_error": "invalid",
    "request_too_large": "too_long",
}

_TOO_LONG = ("prompt is too long", "exceed context limit")
"""The messages of a 400 if the conversation no longer fits."""

_BY_STATUS: Mapping[int, FaultKind] = {
    401: "auth",
    402: "billing",
    413: "too_long",
    403: "auth",
    408: "overloaded",
    409: "overloaded",
    429: "rate_limited",
}

_LONGEST_REASON = 500


def status_fault(
    status: int, body: object, headers: Mapping[str, str], request_id: str | None, secret: str
) -> ModelFault:
    """Return the fault for an error reported by the API, in a response or inside a stream (status 200)."""
    error = body.get("error") if isinstance(body, Mapping) else None
    details = error if isinstance(error, Mapping) else {}
    reason = str(details.get("message") or "")
    if not request_id and isinstance(body, Mapping) and isinstance(body.get("request_id"), str):
        request_id = body["request_id"]
    kind = _kind(status, str(details.get("type") or ""), reason)
    where = "inside the answer" if status == 200 else str(status)
    return ModelFault(
        _told(f"the model API reports {details.get('type') or 'an error'} ({where}): {reason}", secret),
        kind=kind,
        retry_after_seconds=retry_after_seconds(headers),
        request_id=request_id,
    )


def _kind(status: int, error_type: str, reason: str) -> FaultKind:
    if error_type == "invalid_request_error" and "credit balance" in reason.lower():
        return "billing"  # it comes as a 400; a retry helps after somebody has paid
    if error_type == "invalid_request_error" and any(words in reason.lower() for words in _TOO_LONG):
        return "too_long"
    if error_type in _BY_TYPE:
        return _BY_TYPE[error_type]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return "overloaded"
    if 300 <= status < 400:
        return "unknown"  # another server answers in place of the API, and a retry would meet it again
    return "invalid" if status >= 400 else "cut"


def fault_of(error: Exception, *, answering: bool, request_id: str | None, secret: str) -> ModelFault:
    """Return the fault for any exception of a request.

    Args:
        answering: whether the answer had begun; before that, a ValueError or TypeError is about our request.
    """
    import anthropic

    if isinstance(error, ModelFault):
        return ModelFault(
            error.message,
            kind=error.kind,
            retry_after_seconds=None,
            request_id=error.request_id or request_id,
        )
    if isinstance(error, anthropic.APIStatusError):
        headers = error.response.headers
        return status_fault(error.status_code, error.body, headers, error.request_id or request_id, secret)
    kind: FaultKind = "cut"
    if isinstance(error, TimeoutError):
        text = "the model API fell silent"
    elif isinstance(error, anthropic.APIConnectionError):
        text = f"the model API cannot be reached: {_cause(error)}"
    elif isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        text = "the answer of the model API was garbled"
    elif isinstance(error, ValueError | TypeError | RecursionError) and not answering:
        text, kind = f"the request cannot be written as JSON: {_cause(error)}", "invalid"
    elif isinstance(error, LookupError | TypeError | AttributeError | ValueError):
        text, kind = f"the answer has an unknown shape: {_cause(error)}", "unknown"
    else:  # httpx2.RemoteProtocolError and similar errors are not wrapped by the SDK
        text = f"the connection to the model API broke: {_cause(error)}"
    return ModelFault(_told(text, secret), kind=kind, request_id=request_id)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the wait requested by the server; a date is relative to the server's own clock."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        until, sent = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
    except (KeyError, ValueError):
        return None
    return max(0.0, (until.astimezone(UTC) - sent.astimezone(UTC)).total_seconds())


def _cause(error: BaseException) -> str:
    inner: Any = error.__cause__ or error
    return f"{type(inner).__name__}: {inner}" if str(inner) else type(inner).__name__


def _told(text: str, secret: str) -> str:
    if len(secret) >= 8:  # a shorter one is a placeholder, and would garble the text
        text = text.replace(secret, "[key]")
    return safe_text(text.removesuffix(": ")[:_LONGEST_REASON])
