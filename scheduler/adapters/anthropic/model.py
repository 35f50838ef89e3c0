"""AnthropicModel: send one streamed request, and return a whole answer or raise a ModelFault.

The SDK does the transport: key, TLS, error bodies, event framing.  Its retries are off (each one is billed,
and it would obey a ``retry-after`` of days inside a blocking sleep), and its accumulator is not used
(see ``answer``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from scheduler.adapters.anthropic import key
from scheduler.adapters.anthropic.answer import Answer
from scheduler.adapters.anthropic.faults import fault_of, status_fault
from scheduler.adapters.anthropic.params import COMPACT_BETA, needs_beta, params_of
from scheduler.adapters.anthropic.prices import price_microusd
from scheduler.errors import ModelFault
from scheduler.ports.model import Ask, Reply

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

IDLE_SECONDS = 120.0
"""How long the API may send nothing at all (it pings while it thinks) before the stream counts as cut."""


class AnthropicModel:
    """Send requests to Claude.

    Args:
        api_key: instead of ``ANTHROPIC_API_KEY``.
        base_url: instead of ``ANTHROPIC_BASE_URL``.
        idle_seconds: how long the API may be silent.

    Raises:
        CannotWorkError: there is no key.
    """

    def __init__(
        self, *, api_key: str | None = None, base_url: str | None = None, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._key = key.api_key(api_key)
        self._base_url = base_url
        self._idle_seconds = idle_seconds
        self._client: AsyncAnthropic | None = None
        self._opening = asyncio.Lock()

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Send one request and return its whole answer."""
        client = await self._opened()
        request_id: str | None = None
        answering = False
        answer = Answer(compact=ask.compact)
        try:
            async with asyncio.timeout(self._idle_seconds) as silence:
                params = params_of(ask)
                async with _create(client, ask, params) as response:
                    request_id, answering = response.headers.get("request-id"), True
                    await self._read(response.http_response, answer, silence, on_text)
            answer.check_whole()
            content = answer.content()
        except ModelFault as fault:
            fault.request_id = fault.request_id or request_id
            raise
        except Exception as error:
            raise fault_of(error, answering=answering, request_id=request_id, secret=self._key) from error
        usage = answer.usage()
        price = await asyncio.to_thread(price_microusd, ask.model, usage)
        return Reply(content, str(answer.stop_reason), usage, request_id, price)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _read(
        self,
        http_response: Any,
        answer: Answer,
        silence: asyncio.Timeout,
        on_text: Callable[[str], None] | None,
    ) -> None:
        from anthropic import AsyncStream

        kind = http_response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise ModelFault(f"the model API answers with {kind or 'no type'}, not events", kind="unknown")
        loop = asyncio.get_running_loop()
        async with aclosing(AsyncStream.raw_events(http_response)) as events:  # type: ignore[type-var]
            async for event in events:
                silence.reschedule(loop.time() + self._idle_seconds)
                if not event.data:
                    continue
                values = event.json()
                if event.event == "error" or values.get("type") == "error":
                    headers = http_response.headers
                    raise status_fault(200, values, headers, headers.get("request-id"), self._key)
                text = answer.feed(values)
                if text and on_text:
                    on_text(text)
                if answer.is_over:
                    return  # a broken connection after this loses nothing

    async def _opened(self) -> AsyncAnthropic:
        async with self._opening:
            if self._client is None:
                # The import takes seconds of CPU: in a thread, so that leases are renewed meanwhile.
                self._client = await asyncio.to_thread(self._make_client)
            return self._client

    def _make_client(self) -> AsyncAnthropic:
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

        # A redirect could send the key and the conversation to any host, for example of a portal.
        http = DefaultAsyncHttpxClient(follow_redirects=False)
        return AsyncAnthropic(api_key=self._key, base_url=self._base_url, max_retries=0, http_client=http)


def import_sdk() -> None:
    """Import what the first request needs: the SDK imports its resources only when they are named."""
    import anthropic.resources.beta.messages
    import anthropic.resources.messages  # noqa: F401


def _create(client: AsyncAnthropic, ask: Ask, params: dict[str, Any]) -> Any:
    """Return the request as a context manager.  The beta API is used only where it is needed."""
    if needs_beta(ask):
        beta = client.beta.messages.with_streaming_response
        return beta.create(**params, betas=[COMPACT_BETA], stream=True)
    return client.messages.with_streaming_response.create(**params, stream=True)
