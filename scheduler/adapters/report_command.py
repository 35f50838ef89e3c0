"""The sender of reports: run the owner's shell command with the body on stdin."""

from __future__ import annotations

from scheduler.core.run.notice import Notice
from scheduler.errors import CannotWorkError, SendFault
from scheduler.host.child import clean_env, run_child
from scheduler.ports.sender import Receipt, SendContext

_OUTPUT_BYTES = 4_000


class ReportCommand:
    """Run ``notice.target`` with ``/bin/sh``, in ``/`` and without the daemon's own variables."""

    kind = "report"

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Run the command; status 0 means that the notice was sent.

        Raises:
            SendFault: the command is empty (permanent), cannot be started, takes too long, or fails.
        """
        if not notice.target.strip():
            # The shell would treat that as a success.
            raise SendFault("the report command is empty", permanent=True)
        env = clean_env(
            {
                "AGENTCRON_RUN": context.run_id,
                "AGENTCRON_JOB": context.job,
                "AGENTCRON_STATE": context.state,
                "AGENTCRON_NOTICE": context.id,
                "PYTHONSAFEPATH": "1",
            }
        )
        try:
            result = await run_child(
                notice.target,
                cwd="/",
                env=env,
                stdin=notice.body,
                timeout_seconds=context.timeout_seconds,
                output_bytes=_OUTPUT_BYTES,
            )
        except CannotWorkError as error:
            raise SendFault(error.message) from error
        if result.timed_out:
            raise SendFault(f"the report command took longer than {context.timeout_seconds:g} s")
        if result.exit_code != 0:
            raise SendFault(f"the report command ended with status {result.exit_code}")
        return Receipt()


REPORT = ReportCommand()
