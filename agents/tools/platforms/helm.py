"""Releases of Helm, read from the secrets that it keeps them in: base64 twice, then gzip, then JSON.

What is unpacked is bounded, and what may be a secret in values and manifests is masked: a release holds all that was
given to its chart.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from agents.errors import ToolsetInvalid
from agents.tools.bounded_json import read_bounded_json
from agents.tools.http.masking import MASK

MOST_BYTES = 20_000_000
"""Of a release, unpacked; Kubernetes keeps no secret above 1 MiB."""
_DEEPEST = 60
_SECRET_NAME = re.compile(
    r"(?i)pass|secret(?!name|ref|keyref|provider)|token|credential|api[_-]?key|private[_-]?key|access[_-]?key|\bauth$|dsn|"
    r"connection.?string"
)
_NO_SECRET = re.compile(r"(?i)existing|automount|imagepullsecrets|secretkey(?:s|name)?$|enabled$|path$|file$|seconds$")
"""Names of what only refers to a secret, or says how it is used."""
_LINE = re.compile(r"^(?P<before>\s*(?:- )?[\"']?(?P<name>[A-Za-z0-9_.-]+)[\"']?:[ \t]+)(?P<value>\S.*)$")
_ASSIGNED = re.compile(
    r"(?i)(?P<name>(?:password|secret|token|api_?key)[\w.-]{0,60}[ \t]{0,5}=[ \t]{0,5})[^\s&;,]{1,500}"
)
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:)[^\s/@]{1,200}(?=@)")


def read_releases(answer: Any) -> list[dict[str, Any]]:
    """The newest revision of each release, from the labels of its secrets."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for each in _items(answer):
        release = _labelled(each)
        place = (release["namespace"], release["name"])
        if place not in newest or release["revision"] > newest[place]["revision"]:
            newest[place] = release
    return sorted(newest.values(), key=lambda each: (each["namespace"], each["name"]))


def read_history(answer: Any) -> list[dict[str, Any]]:
    """The revisions of one release, the newest first."""
    told = [{**_labelled(each), **_told(_unpacked(each))} for each in _items(answer)]
    return sorted(told, key=lambda each: int(each["revision"]), reverse=True)


def read_release(answer: Any) -> dict[str, Any]:
    """The newest of the revisions that were asked for, with values, notes and manifest, masked."""
    found = sorted(_items(answer), key=lambda each: int(_labelled(each)["revision"]))
    if not found:
        raise ToolsetInvalid("there is no such release, or no such revision of it.")
    release = _unpacked(found[-1])
    chart = _mapping(release.get("chart"))
    return {
        **_labelled(found[-1]),
        **_told(release),
        "values": masked_values(release.get("config") or {}),
        "all_values": masked_values(_merged(chart.get("values"), release.get("config"))),
        "notes": masked_text(str(_mapping(release.get("info")).get("notes") or "")),
        "manifest": masked_manifest(str(release.get("manifest") or "")),
        "hooks": [str(_mapping(each).get("path") or "") for each in release.get("hooks") or ()],
    }


def _items(answer: Any) -> list[Mapping[str, Any]]:
    items = answer.get("items") if isinstance(answer, Mapping) else None
    if not isinstance(items, list):
        raise ToolsetInvalid("it is no list of secrets.")
    return [each for each in items if isinstance(each, Mapping)]


def _labelled(secret: Mapping[str, Any]) -> dict[str, Any]:
    metadata = _mapping(secret.get("metadata"))
    labels = _mapping(metadata.get("labels"))
    revision = str(labels.get("version") or "0")
    return {
        "name": str(labels.get("name") or ""),
        "namespace": str(metadata.get("namespace") or ""),
        "revision": int(revision) if revision.isdecimal() and len(revision) < 10 else 0,
        "status": str(labels.get("status") or ""),
        "updated": str(metadata.get("creationTimestamp") or ""),
    }


def _told(release: Mapping[str, Any]) -> dict[str, Any]:
    chart, info = _mapping(_mapping(release.get("chart")).get("metadata")), _mapping(release.get("info"))
    return {
        "chart": f"{chart.get('name', '')}-{chart.get('version', '')}",
        "app_version": str(chart.get("appVersion") or ""),
        "deployed": str(info.get("last_deployed") or ""),
        "description": masked_text(str(info.get("description") or ""))[:500],
    }


def _unpacked(secret: Mapping[str, Any]) -> Mapping[str, Any]:
    """The release in a secret. Raises ToolsetInvalid for what is none, or is more than may be unpacked."""
    coded = _mapping(secret.get("data")).get("release")
    try:
        content = base64.b64decode(base64.b64decode(str(coded or ""), validate=True), validate=True)
        if content[:2] == b"\x1f\x8b":
            unpacking = zlib.decompressobj(wbits=31)
            content = unpacking.decompress(content, MOST_BYTES)
            if unpacking.unconsumed_tail or not unpacking.eof:
                raise ToolsetInvalid(f"the release is larger than {MOST_BYTES:,} bytes, or is cut off.")
        release = read_bounded_json(content)
    except (binascii.Error, ValueError, zlib.error):
        raise ToolsetInvalid("a secret of Helm's does not hold a release.") from None
    return _mapping(release)


def _merged(defaults: Any, given: Any, depth: int = 0) -> Any:
    """The chart's values with those that were given over them, as Helm joins them."""
    if not isinstance(defaults, Mapping) or not isinstance(given, Mapping) or depth > _DEEPEST:
        return defaults if given is None else given
    both = dict(defaults)
    for name, value in given.items():
        if value is None:
            both.pop(name, None)
        else:
            both[name] = _merged(defaults.get(name), value, depth + 1)
    return both


def masked_values(value: Any, depth: int = 0) -> Any:
    """Values without those whose name says that they are secret, at any depth, and without passwords in addresses."""
    if depth > _DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return {str(name): _member(str(name), each, depth) for name, each in value.items()}
    if isinstance(value, list):
        return [_member(str(_mapping(each).get("name", "")), each, depth) for each in value]
    return masked_text(value) if isinstance(value, str) else value


def _member(name: str, value: Any, depth: int) -> Any:
    is_secret = _names_a_secret(name)
    if is_secret and isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        return MASK
    if is_secret and isinstance(value, Mapping) and "value" in value:  # an entry of an environment
        return {**masked_values({key: each for key, each in value.items() if key != "value"}, depth + 1), "value": MASK}
    return masked_values(value, depth + 1)


def masked_text(text: str) -> str:
    """A text without the passwords in its addresses and assignments."""
    return _ASSIGNED.sub(lambda match: match["name"] + MASK, _URL.sub(lambda match: match["scheme"] + MASK, text))


def _names_a_secret(name: str) -> bool:
    return _SECRET_NAME.search(name[-200:]) is not None and _NO_SECRET.search(name[-200:]) is None


def masked_manifest(text: str) -> str:
    """Manifests line by line: nothing of a Secret's data, and no value whose name says that it is secret."""
    parts = re.split(r"\n---[ \t]*(?=\n)", f"\n{text}")
    return "\n---\n".join("\n".join(_masked_lines(part.strip("\n").splitlines())) for part in parts if part.strip())


def _masked_lines(lines: list[str]) -> Iterator[str]:
    is_secret = any(re.fullmatch(r"kind:[ \t]*[\"']?Secret[\"']?[ \t]*", line) for line in lines)
    inside = masks_next = False
    masked_depth = 1_000
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth <= masked_depth:
            masked_depth = 1_000
        if line.strip() and depth > masked_depth:
            continue  # further lines of a value that is masked
        if line[:1] not in ("", " ", "-", "#"):
            inside = is_secret and line.split(":")[0] in ("data", "stringData")
        match = _LINE.match(line[:2_000])
        if inside and line[:1] == " ":
            yield f"{line[:depth]}{line.strip().split(':')[0] if match else ''}: {MASK}"
        elif match is None:
            yield masked_text(line)
        elif (masks_next and match["name"] == "value") or (
            match["name"] not in ("name", "kind", "value") and _names_a_secret(match["name"])
        ):
            masked_depth = depth
            yield f"{match['before']}{MASK}"
        else:
            yield masked_text(line)
        # In an environment the name of a value stands on the line before it.
        masks_next = match is not None and match["name"] == "name" and _names_a_secret(match["value"])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
