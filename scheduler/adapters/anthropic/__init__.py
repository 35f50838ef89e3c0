"""Claude, through the Messages API.  The SDK takes seconds to import, so only the first request does it."""
