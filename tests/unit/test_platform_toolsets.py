"""The toolsets that ship: whole, in both languages, and every request of theirs can be made."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.http.client import target_url
from agents.tools.openapi.document import read_document
from agents.tools.yaml.compiled import Compiled, compiled
from agents.tools.yaml.definition import RISK_OF, DeclaredTool, Result
from agents.tools.yaml.loading import load_toolset, load_yaml, platforms, shipped, toolsets_of
from agents.tools.yaml.moments import seconds_of, written_as
from agents.tools.yaml.rendering import render
from agents.tools.yaml.selecting import parse_path, select
from agents.tools.yaml.shaping import shape
from agents.tools.yaml.template import Template

TOOLS = [(toolset.name, compiled(tool)) for toolset in shipped() for tool in toolset.tools]
REQUESTS = [each for each in TOOLS if "request" in each[1].definition.model_fields_set]
NASTY = ["a/b", "a?b=c", "a#b", "a&b=c", "a\r\nX-Other: 1", "%2e%2e", "${token}", "{{ x }}", "中文", 'q"}', "\x00"]


def by_name(name: str) -> Compiled:
    return next(tool for _, tool in TOOLS if tool.definition.name == name)


def sample(schema: dict[str, Any], text: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    plain: dict[str, Any] = {"integer": 3, "number": 1.5, "boolean": True, "array": [text], "object": {"k": text}}
    return plain.get(schema["type"], text)


@pytest.mark.parametrize(("kind", "tool"), TOOLS, ids=lambda each: getattr(each, "definition", each) and str(
    getattr(getattr(each, "definition", None), "name", each)
))  # fmt: skip
def test_a_tool_of_a_platform_is_whole(kind: str, tool: Compiled) -> None:
    definition = tool.definition
    assert definition.name.startswith((kind, "web_", "http_"))
    assert kind == "host" or kind in platforms() or any(kind == each.name for each in toolsets_of("kubernetes"))
    assert kind == "http" or (definition.title is not None and definition.title.zh)
    Draft202012Validator.check_schema(tool.schema)
    for path in (definition.result.select, *definition.result.columns.values(), definition.result.error):
        parse_path(path)
    required = tool.schema.get("required", ())
    for names in (required, tool.schema["properties"]):
        values = {name: sample(tool.schema["properties"][name], "1h") for name in names}
        target_url("http://host/base", render(tool, values, {}).target)
    is_read = RISK_OF[definition.request.method] == "read"
    assert is_read or definition.risk == "read" or definition.risk in (None, "write", "destructive")
    assert tool.risk in ("read", "write", "destructive")


@pytest.mark.parametrize("text", NASTY)
def test_no_value_changes_the_shape_of_a_request(text: str) -> None:
    for _, tool in REQUESTS:
        properties = tool.schema["properties"]
        calm = {name: sample(each, "x") for name, each in properties.items()}
        times = {name for name, each in tool.parameters.items() if each.time}
        calm |= dict.fromkeys(times, "1h")
        nasty = {name: sample(each, text) for name, each in properties.items()} | dict.fromkeys(times, "1h")
        was, now = (
            render(tool, calm, {"token": "s"}, lambda: 90_000.0),
            render(tool, nasty, {"token": "s"}, lambda: 90_000.0),
        )
        slashes = any(each.slashes for each in tool.parameters.values()) and "/" in text
        assert now.method == was.method
        assert now.headers == was.headers
        assert now.target.count("/") == was.target.count("/") + slashes
        assert now.target.count("&") == was.target.count("&")
        assert now.target.count("?") == was.target.count("?")
        assert "#" not in now.target
        target_url("http://host/base", now.target)


def test_what_an_operator_must_not_write() -> None:
    def toolset(request: str, more: str = "") -> str:
        return f"name: a\ntools: [{{name: b, description: c, request: {request}{more}}}]"

    for wrong in (
        toolset("{path: '/${secret}'}"),
        toolset("{path: '/{{ x'}"),
        toolset("{path: /, headers: {Authorization: x}}"),
        toolset("{path: /, headers: {'A:b': x}}"),
        toolset("{method: TRACE}"),
        toolset("{path: /}", ", parameters: {x: {}}"),
        toolset("{path: '/{{ x }}'}", ", parameters: {x: {pattern: '('}}"),
        toolset("{path: '/{{ x:path }}'}", ", parameters: {x: {paths: {a: '/b?c'}}}"),
        "name: a\ntools: []",
        "name: a\ntools: [1]",
        "[" * 10_000,
        "\x00",
    ):
        with pytest.raises(ToolsetInvalid):
            load_toolset(wrong)


def test_secrets_stand_where_they_are_named_and_values_are_no_templates() -> None:
    body = "{a: ['{{ v }}', 'b{{ v }}'], n: '{{ n }}', o: '{{ o }}'}"
    text = f"{{path: '/x', headers: {{X-A: 'k ${{key}} {{{{ v }}}}'}}, json: {body}}}"
    tool = compiled(
        load_toolset(
            f"name: a\ntools: [{{name: b, description: c, request: {text}, parameters: {{n: {{type: integer}}, "
            "o: {required: false}}}]"
        ).tools[0]
    )
    request = render(tool, {"v": "${key}", "n": 7}, {"key": "s3cret"})
    assert request.headers["X-A"] == "k s3cret ${key}"
    assert request.body == b'{"a": ["${key}", "b${key}"], "n": 7}'
    with pytest.raises(ToolFailed, match="no secret named key"):
        render(tool, {"v": "x", "n": 7}, {})
    for wrong in ("a\nb", "ä"):
        with pytest.raises(ToolFailed, match="header"):
            render(tool, {"v": wrong, "n": 7}, {"key": "s"})


def test_parts_of_a_path_are_left_out_with_their_values() -> None:
    pods = by_name("kubernetes_pods")
    assert render(pods, {}, {}).target == "/api/v1/pods?limit=500"
    assert render(pods, {"namespace": "a b"}, {}).target == "/api/v1/namespaces/a%20b/pods?limit=500"
    listed = by_name("kubernetes_list")
    asked = {"kind": "deployments", "namespace": "shop"}
    assert render(listed, asked, {}).target.startswith("/apis/apps/v1/namespaces/shop/deployments?")
    with pytest.raises(ToolFailed):
        render(listed, {"kind": "secrets"}, {})
    scale = render(by_name("kubernetes_scale"), {"namespace": "a", "name": "b", "replicas": 0}, {})
    assert (scale.method, scale.body) == ("PATCH", b'{"spec": {"replicas": 0}}')
    assert scale.headers["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", 1_000_000), ("2h", 992_800), ("2h ago", 992_800), ("-90m", 994_600), ("now-1d", 913_600),
        ("in 2h", 1_007_200), ("+90m", 1_005_400),
        ("1700000000.5", 1_700_000_000.5), ("2026-01-02T03:04:05Z", 1_767_323_045), ("2026-01-02", 1_767_312_000),
    ],
)  # fmt: skip
def test_moments(text: str, seconds: float) -> None:
    assert seconds_of(text, 1_000_000) == seconds


def test_moments_are_written_as_platforms_want_them() -> None:
    assert written_as(1_767_323_045.25, "unix") == "1767323045.25"
    assert written_as(1_767_323_045.25, "unix_ms") == "1767323045250"
    assert written_as(1_767_323_045.25, "unix_ns") == "1767323045250000000"
    assert written_as(1_767_323_045.25, "rfc3339") == "2026-01-02T03:04:05Z"
    for wrong in ("yesterday", "1e99", "nan", "2026-13-01", "99999999999999w"):
        with pytest.raises(ToolFailed, match="time"):
            written_as(seconds_of(wrong, 0), "unix")


def test_paths_into_answers() -> None:
    value = {"a": [{"b": 1, "c.d": {"e": "x"}}, {"b": 2}], "n": None}
    assert select(value, "a[*].b") == [1, 2]
    assert select(value, "a[0]['c.d'].e") == "x"
    assert select(value, "a[-1].b") == 2
    assert select(value, "a|count") == 2
    assert select(value, "a[0]['c.d']|pairs") == "e=x"
    assert select(value, "nowhere[*].x") == []
    assert select(value, "n.x") is None
    for wrong in ("a..b", "a[", "a|drop", "a b", "*"):
        with pytest.raises(ToolsetInvalid):
            select(value, wrong)


def test_answers_are_cut_to_what_is_needed() -> None:
    rows = [{"n": number, "text": "a\nb"} for number in range(30)]
    table = shape(Result(view="table", limit=10), rows, "")
    assert table.data["columns"] == ["n", "text"]
    assert (len(table.data["rows"]), table.data["total"]) == (10, 30)
    assert "20 more rows left out" in table.text
    assert shape(Result(view="table"), [], "").text == "(no rows)"
    assert shape(Result(view="table"), {"a": 1}, "").data["rows"] == [["1"]]
    log = shape(Result(view="log", raw=True, limit=2), None, "one\nERROR two\nlevel=warn three\n")
    assert [line["level"] for line in log.data["lines"]] == ["error", "warning"]
    chart = shape(Result(view="chart"), [{"x": 1}, None, 3], "")
    assert all(series["points"] == [] for series in chart.data["series"])
    metrics = [{"metric": {"__name__": "up", "job": "api", "pod": pod}, "values": [[1, 2]]} for pod in "ab"]
    told = shape(Result(view="chart", label="metric", points="values"), metrics, "")
    assert [series["name"] for series in told.data["series"]] == ['{pod="a"}', '{pod="b"}']
    assert 'up{job="api", pod="a"}: 1 points' in told.text
    assert shape(Result(without=["b"]), {"a": {"b": 1, "c": [{"b": 2}]}}, "").data == {"a": {"c": [{}]}}


def test_a_template_reads_its_values_once() -> None:
    template = Template.parse("{{ a }}-${b}")
    assert (template.variables, template.secrets, template.only_variable) == (("a",), ("b",), "")
    assert template.render({"a": "${b}{{ a }}"}, {"b": "{{ a }}"}, lambda name, value: value) == "${b}{{ a }}-{{ a }}"


def test_a_definition_is_checked_by_name() -> None:
    tool = DeclaredTool.model_validate({"name": "x", "description": "d", "request": {"path": "/{{ a b }}"}})
    with pytest.raises(ToolsetInvalid, match="x: "):
        compiled(tool)


@pytest.mark.parametrize(
    "text",
    ["[" * 190_000, "a: " + "{" * 190_000, "{a: " * 40_000, "- " * 90_000, "a:\n" + " - \n" * 50_000 + "[" * 500],
    ids=["brackets", "braces", "maps", "lists", "mixed"],
)
def test_what_is_too_deep_is_refused_before_a_parser_recurses(text: str) -> None:
    for read in (load_yaml, read_document):
        with pytest.raises(ToolsetInvalid):
            read(text)
