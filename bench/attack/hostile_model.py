"""A model's endpoint that sends what nobody expects: `python -m bench.attack.hostile_model --port 9000`.

The name of the model chooses what it sends; each of SHAPES is one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
CONTROLS = "".join(chr(code) for code in (*range(32), *range(127, 160), 0x200B, 0x202E, 0x2028, 0xFEFF, 0xFFFF))


def delta(**fields: Any) -> bytes:
    return line({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields}]})


def line(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(*pieces: str) -> Iterator[bytes]:
    yield OK + b"\r\n"
    yield from (delta(content=piece) for piece in pieces)
    yield b"data: [DONE]\n\n"


def called(*calls: dict[str, Any]) -> Iterator[bytes]:
    yield OK + b"\r\n"
    yield from (delta(tool_calls=[call]) for call in calls)
    yield line({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}) + b"data: [DONE]\n\n"


def call(arguments: Any, name: Any = "search_knowledge_base", index: Any = 0, call_id: Any = "c1") -> dict[str, Any]:
    return {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def sent(*parts: bytes) -> Iterator[bytes]:
    yield OK + b"\r\n"
    yield from parts


def for_ever(*parts: bytes) -> Iterator[bytes]:
    yield OK + b"\r\n"
    yield from itertools.cycle(parts)


SHAPES: dict[str, Callable[[], Iterable[bytes]]] = {
    "white-space": lambda: said(*[" " * 4_000] * 49),
    "lines": lambda: said(*["\n" * 4_000] * 49),
    "brackets": lambda: said("[" * 100_000, "](" * 40_000),
    "nested": lambda: said("> - " * 20_000 + "a", "\n\n" + "**_`a`_** [b](c) " * 5_000),
    "table": lambda: said("|a" * 5_000 + "|\n" + "|-" * 5_000 + "|\n" + "|b|\n" * 20_000),
    "controls": lambda: said(CONTROLS * 500, "\ud800\udfff", "\x1b[31m", "\udc00 a"),
    "letters": lambda: said(*["a"] * 20_000),
    "endless": lambda: for_ever(delta(content="on and on ")),
    "endless-thoughts": lambda: itertools.chain(
        sent(delta(content="<think>")), itertools.cycle([delta(content="hm " * 500)])
    ),
    "endless-reasoning": lambda: for_ever(delta(reasoning_content="hm " * 500)),
    "endless-line": lambda: for_ever(b"data: " + b"x" * 60_000),
    "endless-arguments": lambda: for_ever(delta(tool_calls=[call("x" * 5_000)])),
    "endless-nothing": lambda: for_ever(b": nothing\n\n" * 2_000),
    "endless-headers": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\n"], (f"x-{at}: {'a' * 900}\r\n".encode() for at in itertools.count())
    ),
    "endless-error": lambda: itertools.chain(
        [b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\r\n{"],
        itertools.cycle([b'"a": "b", ' * 5_000]),
    ),
    "many-calls": lambda: called(*(call("{}", index=at, call_id=f"c{at}") for at in range(3_000))),
    "deep-arguments": lambda: called(call('{"query":' * 50_000)),
    "odd-arguments": lambda: called(
        call("{}", name="\x00" * 5_000), call("[1, 2]", index=1, call_id="c2"),
        call('{"query": ["a"], "top_k": 1e999, "__proto__": 5}', index=2, call_id="c3"),
        call("nothing", index=3, call_id="c4"),
        call('{"query": "' + "x" * 500_000 + '"}', index=4, call_id="c5"),
        call('{"query": "a", "knowledge_base": "../../etc"}', index=5, call_id="c6"),
    ),
    "wrong-types": lambda: sent(
        line({"choices": 5}), line({"choices": {"a": 1}}), line({"choices": [{"delta": "x"}]}), delta(content=5),
        delta(content=[5, {"text": "fine"}]), delta(tool_calls={"a": 1}), delta(tool_calls=[5, {"function": "x"}]),
        delta(tool_calls=[call([1], name={"a": 1}, index={"b": 2}, call_id=7)]), line({"usage": "many"}), line([1]),
        line({"error": ["odd"]}),
    ),
    "deep-line": lambda: sent(b"data: " + b"[" * 200_000 + b"\n\n", delta(content="after"), b"data: [DONE]\n\n"),
    "noise": lambda: sent(bytes(range(256)) * 400, b"\n\ndata: {\n\ndata: \xff\n\n", delta(content="after")),
    "packed": lambda: [OK + b"content-encoding: gzip\r\n\r\n", gzip.compress(b"data: " + b"x" * 200_000_000)],
    "away": lambda: [b"HTTP/1.1 307 Temporary Redirect\r\nlocation: {bait}/model\r\ncontent-length: 0\r\n\r\n"],
    "page": lambda: [b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n", b"<h1>Bad</h1>" * 90_000],
    "no-http": lambda: [b"\x16\x03\x01 hello\r\n\r\n"],
    "gone": lambda: sent(delta(content="half a sen")),
}  # fmt: skip


class HostileModel:
    """Serves SHAPES; `bait` is where a redirect leads."""

    def __init__(self, bait: str) -> None:
        self._bait = bait.encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, of which only the model's name matters."""
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(each.split(b":")[1])
                    for each in head.lower().split(b"\r\n")
                    if each.startswith(b"content-length:")
                ),
                0,
            )
            body = json.loads(await reader.readexactly(length) or b"{}")
            async for part in _parts(str(body.get("model", ""))):
                writer.write(part.replace(b"{bait}", self._bait))
                await writer.drain()
        writer.close()


async def _parts(model: str) -> AsyncIterator[bytes]:
    for part in SHAPES.get(model, SHAPES["wrong-types"])():
        yield part
        await asyncio.sleep(0)


async def serve(port: int, bait: str) -> None:
    server = await asyncio.start_server(HostileModel(bait).answer, "127.0.0.1", port, limit=64 * 1024 * 1024)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bait", default="http://127.0.0.1:9")
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.bait))
