"""Claude, through the Messages API.  The SDK takes seconds to import: only the first request does it."""
