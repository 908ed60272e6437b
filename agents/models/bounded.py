"""What an endpoint may send in one response, whatever it says of its length."""

from __future__ import annotations

from collections.abc import AsyncIterator

from httpx2 import AsyncByteStream, DecodingError, ReadError, Response

LONGEST_STREAM = 64 * 1024 * 1024
LONGEST_BODY = 4 * 1024 * 1024


async def bound(response: Response) -> None:
    """Make a response end in a ReadError that sends more than an answer may have. Raises DecodingError for one that is
    packed: nobody asked for it, and what it unpacks to is not known. A hook of a client."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise DecodingError("a packed response", request=response.request)
    streamed = response.is_success and response.request.method == "POST"
    whole = response.stream
    assert isinstance(whole, AsyncByteStream)
    response.stream = _Bounded(whole, LONGEST_STREAM if streamed else LONGEST_BODY)


class _Bounded(AsyncByteStream):
    def __init__(self, stream: AsyncByteStream, most: int) -> None:
        self._stream = stream
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for part in self._stream:
            taken += len(part)
            if taken > self._most:
                raise ReadError(f"more than {self._most:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
