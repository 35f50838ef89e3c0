"""Compute the cost of a request, in millionths of a dollar."""

from __future__ import annotations

from decimal import ROUND_CEILING

from scheduler.core.run.conversation import Usage


def price_microusd(model: str, usage: Usage) -> int | None:
    """Return the price of one answer, rounded up, or None if the price of the model is unknown.

    Cache writes are counted at the price of the five-minute cache, the one that is used here.
    """
    # 0.15 s of CPU, so not at module level.
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    counted = Counted(
        input_tokens=usage.input_tokens + read + written,  # the library needs the sum, the API reports parts
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=usage.output_tokens,
    )
    try:
        price = calc_price(counted, model, provider_id="anthropic").total_price
    except LookupError:
        return None
    return int((price * 1_000_000).to_integral_value(ROUND_CEILING))
