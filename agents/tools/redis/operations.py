"""What can be asked of Redis, and the two things that can be done to it; each is bounded by itself."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from agents.errors import ToolFailed
from agents.tools.http.masking import MASK

_LONGEST_VALUE = 4_000
_MOST_SCANS = 200
_SCAN_COUNT = 1_000
_MOST_DELETED = 100
_SECRET_SETTING = re.compile(r"(?i)pass|auth|secret|token|user\b|key-file|aclfile")


class Commands(Protocol):
    """What sends commands."""

    async def execute_command(self, *words: Any) -> Any: ...


Operation = Callable[[Commands, Mapping[str, Any]], Awaitable[Any]]


async def info(client: Commands, given: Mapping[str, Any]) -> Any:
    """INFO, of one section or of the usual ones."""
    found = await client.execute_command("INFO", given.get("section") or "default")
    if isinstance(found, Mapping):
        return dict(found)
    text = _text(found)
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


async def slowlog(client: Commands, given: Mapping[str, Any]) -> Any:
    """The newest slow commands; their arguments may hold values."""
    entries = await client.execute_command("SLOWLOG GET", given.get("count", 50))
    return [_slow(each) for each in entries or ()]


def _slow(entry: Any) -> dict[str, Any]:
    if isinstance(entry, Mapping):
        words = entry.get("command", b"")
        shown = _text(words) if isinstance(words, bytes | str) else " ".join(map(_text, words))
        moment, microseconds, client = entry.get("start_time"), entry.get("duration"), entry.get("client_address", "")
    else:
        moment, microseconds, words = entry[1], entry[2], entry[3]
        shown, client = " ".join(map(_text, words)), entry[4] if len(entry) > 4 else ""
    return {"at": moment, "microseconds": microseconds, "command": shown[:500], "client": _text(client)}


async def latency(client: Commands, given: Mapping[str, Any]) -> Any:
    """LATENCY LATEST."""
    names = ("event", "at", "latest_ms", "worst_ms")
    entries = await client.execute_command("LATENCY LATEST")
    return [dict(zip(names, (_text(each[0]), *each[1:4]), strict=False)) for each in entries or ()]


async def keys(client: Commands, given: Mapping[str, Any]) -> Any:
    """Keys that match, found by SCAN in so many steps."""
    most, cursor, found = given.get("limit", 200), 0, list[str]()
    for _ in range(_MOST_SCANS):
        options = ["MATCH", given["pattern"], "COUNT", _SCAN_COUNT]
        if given.get("type"):
            options += ["TYPE", given["type"]]
        cursor, part = await client.execute_command("SCAN", cursor, *options)
        found.extend(map(_text, part))
        if int(cursor) == 0 or len(found) >= most:
            break
    rest = "" if int(cursor) == 0 and len(found) <= most else "not all keys were looked at"
    return {"keys": [{"key": each} for each in found[:most]], "note": rest}


async def key(client: Commands, given: Mapping[str, Any]) -> Any:
    """What is known of a key without reading it."""
    name = given["key"]
    kind = await _kind(client, name)
    return {
        "key": name,
        "type": kind,
        "ttl_s": await client.execute_command("TTL", name),
        "bytes": await client.execute_command("MEMORY USAGE", name),
        "encoding": _text(await client.execute_command("OBJECT", "ENCODING", name)),
        "length": await _length(client, name, kind),
    }


_LENGTHS = {
    "string": "STRLEN",
    "list": "LLEN",
    "set": "SCARD",
    "zset": "ZCARD",
    "hash": "HLEN",
    "stream": "XLEN",
}


async def _length(client: Commands, name: str, kind: str) -> Any:
    return await client.execute_command(_LENGTHS[kind], name) if kind in _LENGTHS else None


async def _kind(client: Commands, name: str) -> str:
    kind = _text(await client.execute_command("TYPE", name))
    if kind == "none":
        raise ToolFailed(f"There is no key {name[:200]!r} in this database.")
    return kind


async def get(client: Commands, given: Mapping[str, Any]) -> Any:
    """The beginning of a value."""
    name, most = given["key"], given.get("limit", 50)
    kind = await _kind(client, name)
    length = await _length(client, name, kind)
    shown: Any
    if kind == "string":
        shown = _cut(await client.execute_command("GETRANGE", name, 0, _LONGEST_VALUE))
    elif kind == "list":
        shown = list(map(_cut, await client.execute_command("LRANGE", name, 0, most - 1)))
    elif kind == "set":
        shown = list(map(_cut, (await client.execute_command("SSCAN", name, 0, "COUNT", most))[1]))[:most]
    elif kind == "zset":
        flat = await client.execute_command("ZRANGE", name, 0, most - 1, "WITHSCORES")
        shown = [_scored(each) for each in _pairs(flat)]
    elif kind == "hash":
        fields = (await client.execute_command("HSCAN", name, 0, "COUNT", most))[1]
        shown = dict(list(_texts(fields).items())[:most])
    elif kind == "stream":
        entries = await client.execute_command("XREVRANGE", name, "+", "-", "COUNT", most)
        shown = [{"id": _text(each[0]), **_texts(each[1] or {})} for each in entries]
    else:
        raise ToolFailed(f"A key of type {kind} cannot be shown.")
    return {"key": name, "type": kind, "length": length, "value": shown}


def _texts(values: Any) -> dict[str, str]:
    return {_cut(name): _cut(value) for name, value in dict(values).items()}


def _pairs(flat: Any) -> list[Any]:
    if flat and isinstance(flat[0], tuple | list):
        return list(flat)
    return list(zip(flat[::2], flat[1::2], strict=False))


def _scored(pair: Any) -> dict[str, Any]:
    return {"member": _cut(pair[0]), "score": _text(pair[1])}


async def clients(client: Commands, given: Mapping[str, Any]) -> Any:
    """CLIENT LIST."""
    text = await client.execute_command("CLIENT LIST")
    if isinstance(text, list):
        return [dict(each) for each in text]
    lines = _text(text).splitlines()
    return [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]


async def config(client: Commands, given: Mapping[str, Any]) -> Any:
    """CONFIG GET; what may be a secret is masked."""
    found = await client.execute_command("CONFIG GET", given.get("pattern", "*"))
    pairs = dict(found) if isinstance(found, Mapping) else dict(_pairs(found))
    return [{"name": name, "value": _setting(name, _text(value))} for name, value in _named(pairs)]


def _named(pairs: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    return sorted((_text(name), value) for name, value in pairs.items())


def _setting(name: str, value: str) -> str:
    return MASK if value and _SECRET_SETTING.search(name) else value


async def memory(client: Commands, given: Mapping[str, Any]) -> Any:
    """MEMORY STATS and what MEMORY DOCTOR says."""
    found = await client.execute_command("MEMORY STATS")
    pairs = found.items() if isinstance(found, Mapping) else _pairs(found)
    stats = {_text(name): _text(value) for name, value in pairs if not isinstance(value, list | Mapping)}
    return {"doctor": _text(await client.execute_command("MEMORY DOCTOR")), **stats}


async def expire(client: Commands, given: Mapping[str, Any]) -> Any:
    """EXPIRE: the key is gone after so many seconds."""
    if not await client.execute_command("EXPIRE", given["key"], given["seconds"]):
        raise ToolFailed(f"There is no key {given['key'][:200]!r} in this database.")
    return {"key": given["key"], "expires_in_s": given["seconds"]}


async def delete(client: Commands, given: Mapping[str, Any]) -> Any:
    """UNLINK: the keys are gone at once."""
    if not 1 <= len(given["keys"]) <= _MOST_DELETED:
        raise ToolFailed(f"keys holds between 1 and {_MOST_DELETED} names.")
    return {"deleted": await client.execute_command("UNLINK", *given["keys"]), "of": len(given["keys"])}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)


def _cut(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


PERFORMED: Mapping[str, Operation] = {
    "redis_info": info,
    "redis_slowlog": slowlog,
    "redis_latency": latency,
    "redis_keys": keys,
    "redis_key": key,
    "redis_get": get,
    "redis_clients": clients,
    "redis_config": config,
    "redis_memory": memory,
    "redis_expire": expire,
    "redis_delete": delete,
}
