"""A stored operation made ready to be called, by the same means as a toolset in YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from agents.tools.yaml.compiled import Compiled, PathPart
from agents.tools.yaml.definition import DeclaredTool, Method, Parameter, RequestTemplate, Result, Words
from agents.tools.yaml.template import Piece, Template

_VARIABLE = re.compile(r"\{([^{}/]{1,200})\}")
SELECT = "select"


def compiled_operation(record: Mapping[str, Any], *, risk: str = "") -> Compiled:
    """What an imported operation sends. `risk` is an operator's word on it, if there is one."""
    arguments = {(each["in"], each["name"]): each for each in record["parameters"]}
    by_place = {place: [each for each in record["parameters"] if each["in"] == place] for place in ("query", "header")}
    body = record.get("body")
    parameters = {each["argument"]: _parameter(each) for each in record["parameters"]}
    if body:
        parameters[body["argument"]] = Parameter(type="object", required=body["required"])
    content = Template((Piece(variable=body["argument"]),)) if body else None
    method = cast(Method, record["method"])
    definition = DeclaredTool(
        name=record["name"],
        title=Words(en=record["title"] or record["name"]),
        description=record["description"] or record["name"],
        risk=cast(Any, risk or (record["risk"] if record["risk"] != "unknown" else "write")),
        request=RequestTemplate(method=method, path="", media_type=_media_type(body)),
        result=Result(error="message"),
    )
    return Compiled(
        definition=definition,
        path=(PathPart(template=Template(tuple(_path(record["path"], arguments)))),),
        query={each["name"]: _variable(each["argument"]) for each in by_place["query"]},
        headers={each["name"]: _variable(each["argument"]) for each in by_place["header"]},
        json_body=content if body and not body["form"] else None,
        form=content if body and body["form"] else None,
        parameters=parameters,
        schema=_with_select(record["schema"], method),
        joined=frozenset(each["argument"] for each in by_place["query"] if each.get("separate") is False),
        answer=record.get("answer"),
        select_argument=SELECT if _is_selectable(record["schema"], method) else "",
    )


def _path(path: str, arguments: Mapping[tuple[str, str], Any]) -> Iterator[Piece]:
    from urllib.parse import quote

    end = 0
    for match in _VARIABLE.finditer(path):
        yield Piece(literal=quote(path[end : match.start()], safe="/:@!$&'()*+,;=-._~%"))
        yield Piece(variable=arguments["path", match[1]]["argument"])
        end = match.end()
    yield Piece(literal=quote(path[end:], safe="/:@!$&'()*+,;=-._~%"))


def _variable(argument: str) -> Template:
    return Template((Piece(variable=argument),))


def _parameter(record: Mapping[str, Any]) -> Parameter:
    return Parameter(required=record["required"], slashes=record.get("slashes", False))


def _media_type(body: Mapping[str, Any] | None) -> str:
    return "" if body is None or body["media_type"] == "*/*" else str(body["media_type"])[:100]


def _is_selectable(schema: Mapping[str, Any], method: str) -> bool:
    return method == "GET" and SELECT not in schema["properties"]


def _with_select(schema: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """Answers of large APIs are long: a caller may say which part of one is wanted."""
    if not _is_selectable(schema, method):
        return schema
    words = "Only this part of the answer, as a path such as items[*].metadata.name"
    return {**schema, "properties": {**schema["properties"], SELECT: {"type": "string", "description": words}}}
