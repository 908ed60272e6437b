"""Tool calls as models write them: many styles, mutated by what models and transports do to text, yet recoverable.

Each case knows the call that is meant. A mutation is applied only where it leaves no doubt of what that is.
"""

from __future__ import annotations

import html
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agents.ports import ToolDefinition

Random = random.Random

TOOLS = (
    ToolDefinition(
        name="search_knowledge_base",
        description="Find passages.",
        parameters={
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "top_k": {"type": "integer"},
                "exact": {"type": "boolean"},
            },
            "required": ["query"],
        },
    ),
    ToolDefinition(
        name="list_pods",
        description="List pods.",
        parameters={
            "type": "object",
            "properties": {
                "namespace": {"type": "string"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "limit": {"type": "integer"},
            },
        },
    ),
    ToolDefinition(
        name="prom_query",
        description="Query Prometheus.",
        parameters={"type": "object", "properties": {"expr": {"type": "string"}}, "required": ["expr"]},
    ),
    ToolDefinition(
        name="scale",
        description="Scale a deployment.",
        parameters={
            "type": "object",
            "properties": {
                "deployment": {"type": "string"},
                "replicas": {"type": "integer"},
                "hosts": {"type": "array", "items": {"type": "string"}},
                "ratio": {"type": "number"},
            },
            "required": ["deployment", "replicas"],
        },
    ),
)
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_knowledge_base", {"query": "how long does a fuse last", "top_k": 5}),
    ("search_knowledge_base", {"query": "节点 NotReady 怎么办", "exact": True}),
    ("search_knowledge_base", {"query": "error: connection refused, retrying in 5s"}),
    ("search_knowledge_base", {"query": "path /etc/nginx/nginx.conf (line 3)", "exact": False}),
    ("list_pods", {"namespace": "shop"}),
    ("list_pods", {"namespace": "kube-system", "labels": {"app": "dns", "tier": "core"}, "limit": 20}),
    ("list_pods", {}),
    ("prom_query", {"expr": "sum(rate(http_requests_total[5m])) by (code)"}),
    ("prom_query", {"expr": 'up{job="api"} == 0'}),
    ("prom_query", {"expr": "up"}),
    ("scale", {"deployment": "web", "replicas": 3}),
    ("scale", {"deployment": "web-api", "replicas": 0, "hosts": ["a.example", "b.example"], "ratio": 0.5}),
)
PROSE = (
    "I will look that up.",
    "Let me check the cluster first.",
    "我来查一下。",
    "Sure! Here is what I need to do:",
    "The user asks about pods, so:",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A text, the call it means, and how it was made."""

    text: str
    tool: str
    arguments: dict[str, Any]
    made_by: tuple[str, ...]


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """So many cases, always the same for a seed."""
    chance = Random(seed)
    while count:
        case = _case(chance)
        if case is not None:
            count -= 1
            yield case


def broken(text: str, chance: Random) -> str:
    """The text with pieces of it deleted, inserted, repeated or cut off."""
    letters = list(text)
    for _ in range(chance.randrange(1, 12)):
        at = chance.randrange(len(letters) + 1)
        match chance.randrange(4):
            case 0:
                del letters[at : at + chance.randrange(1, 9)]
            case 1:
                letters.insert(at, chance.choice("{}[]\"'\\`<>:,\x00\ud800（）\n"))
            case 2:
                letters[at:at] = letters[chance.randrange(len(letters) + 1) :][:40]
            case _:
                letters = letters[: max(1, at)]
    return "".join(letters)


def _case(chance: Random) -> Case | None:
    tool, arguments = chance.choice(CALLS)
    style = chance.choice(list(STYLES))
    write, takes_json, mutations = STYLES[style]
    made_by = [style]
    written = json.dumps(arguments, ensure_ascii=False, indent=chance.choice((None, None, 2)))
    if takes_json:
        for name, change in chance.sample(list(JSON_MUTATIONS.items()), k=chance.choice((0, 1, 1, 2))):
            changed = change(written, arguments, chance)
            if changed is not None:
                written = changed
                made_by.append(name)
    if not takes_json and not arguments:
        return None
    text = write(_name(tool, chance, made_by) if "name" in mutations else tool, written, arguments, chance)
    if text is None:
        return None
    for name, mutate in chance.sample(list(TEXT_MUTATIONS.items()), k=chance.choice((0, 1, 2))):
        if name in mutations or name in ALWAYS:
            changed = mutate(text, chance)
            if changed is not None:
                text = changed
                made_by.append(name)
    return Case(text=text, tool=tool, arguments=arguments, made_by=tuple(made_by))


def _name(tool: str, chance: Random, made_by: list[str]) -> str:
    kind, name = chance.choice(
        (
            ("", tool),
            ("", tool),
            ("name upper", tool.upper()),
            ("name dashed", tool.replace("_", "-")),
            ("name ticked", f"`{tool}`"),
            ("name quoted", f'"{tool}"'),
            ("name bold", f"**{tool}**"),
            ("name prefixed", f"functions.{tool}"),
            ("name titled", tool.replace("_", " ").title()),
        )
    )
    if kind:
        made_by.append(kind)
    return name


LABELS = (
    ("Action", "Action Input"),
    ("Tool", "Arguments"),
    ("Tool", "Tool Input"),
    ("Function", "Parameters"),
    ("行动", "行动输入"),
    ("动作", "动作输入"),
    ("工具", "参数"),
    ("Aktion", "Eingabe"),
    ("Acción", "Entrada"),
    ("アクション", "入力"),
)

Write = Callable[[str, str, dict[str, Any], Random], str | None]


def _react(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    label, given = chance.choice(LABELS)
    colon = chance.choice((": ", ": ", ":", "：", " : "))
    return f"{label}{colon}{name}\n{given}{colon}{written}"


def _react_line(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f"Action: {name} Action Input: {written}"


def _react_fenced(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f"Action: {name}\nAction Input:\n```json\n{written}\n```"


def _react_numbered(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f"Thought 1: I need data.\nAction 1: {name}\nAction Input 1: {written}"


def _react_bold(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f"**Thought:** I need data.\n**Action:** {name}\n**Action Input:** {written}"


def _react_typo(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    label, given = chance.choice((("Acton", "Action Input"), ("Action", "Action Inptu"), ("Actoin", "Acton Input")))
    return f"{label}: {name}\n{given}: {written}"


def _react_no_label(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f"Action: {name}\n{written}"


def _react_brackets(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    (value, *others) = arguments.values()
    if others or list(arguments) not in (["query"], ["expr"]) or "[" in value:
        return None
    return f"Action: {name}[{value}]"


def _react_bare(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    (value, *others) = arguments.values()
    if others or not isinstance(value, str) or list(arguments) not in (["query"], ["expr"]):
        return None
    return f"Action: {name}\nAction Input: {value}"


def _react_lines(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    if any(isinstance(value, dict | list) for value in arguments.values()) or '"' in str(arguments):
        return None
    return f"Action: {name}\nAction Input:\n" + "\n".join(f"{key}: {value}" for key, value in arguments.items())


def _object(*keys: tuple[str, str]) -> Write:
    def write(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
        named, given = chance.choice(keys)
        if chance.random() < 0.2:
            return f'{{"{given}": {written}, "{named}": "{name}"}}'
        return f'{{"{named}": "{name}", "{given}": {written}}}'

    return write


_call_object = _object(
    ("name", "arguments"),
    ("name", "parameters"),
    ("tool", "args"),
    ("tool_name", "tool_input"),
    ("function", "arguments"),
    ("action", "action_input"),
    ("tool", "input"),
    ("name", "args"),
)


def _bare(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return _call_object(name, written, arguments, chance) or ""


def _fenced(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    kind = chance.choice(("json", "", "tool_call", "JSON", "action"))
    return f"```{kind}\n{_bare(name, written, arguments, chance)}\n```"


def _openai(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    text = json.dumps(written)
    function = f'{{"name": "{name}", "arguments": {text}}}'
    return chance.choice(
        (
            f'{{"id": "call_1", "type": "function", "function": {function}}}',
            f'{{"tool_calls": [{{"id": "call_1", "type": "function", "function": {function}}}]}}',
            f'[{{"type": "function", "function": {function}}}]',
        )
    )


def _keyed(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f'{{"{name}": {written}}}'


def _tag(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    tag = chance.choice(("tool_call", "tool_call", "function_call", "tool", "call"))
    closing = f"</{tag}>" if chance.random() < 0.85 else ""
    return f"<{tag}>\n{_bare(name, written, arguments, chance)}\n{closing}"


def _named_tag(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return chance.choice(
        (
            f'<tool_call name="{name}">{written}</tool_call>',
            f"<function={name}>{written}</function>",
            f"<tool_call>{name}\n{written}</tool_call>",
            f"<tool>{name}</tool>\n<tool_input>{written}</tool_input>",
            f"<action>{name}</action><action_input>{written}</action_input>",
            f'<invoke name="{name}"><arguments>{written}</arguments></invoke>',
        )
    )


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text


def _parameters(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    escape = html.escape if chance.random() < 0.5 else str
    each = {key: escape(_plain(value)) for key, value in arguments.items()}
    qwen = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in each.items())
    invoke = "".join(f'<parameter name="{key}">{value}</parameter>' for key, value in each.items())
    glm = "".join(f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n" for key, value in each.items())
    cline = "".join(f"<{key}>{value}</{key}>\n" for key, value in each.items())
    return chance.choice(
        (
            f"<tool_call>\n<function={name}>\n{qwen}</function>\n</tool_call>",
            f'<function_calls>\n<invoke name="{name}">\n{invoke}\n</invoke>\n</function_calls>',
            f"<tool_call>{name}\n{glm}</tool_call>",
            f"<{name}>\n{cline}</{name}>",
        )
    )


def _python(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    call = f"{name}({given})"
    return chance.choice(
        (
            call,
            f"```python\n{call}\n```",
            f"```tool_code\nprint({call})\n```",
            f"Action: {call}",
            f"result = {call}",
            f"`{call}`",
        )
    )


def _name_and_object(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    return f"{name}{chance.choice((' ', ': ', chr(10)))}{written}"


def _special(name: str, written: str, arguments: dict[str, Any], chance: Random) -> str:
    call = f'{{"name": "{name}", "arguments": {written}}}'
    return chance.choice(
        (
            f"[TOOL_CALLS] [{call}]",
            f'<|python_tag|>{{"name": "{name}", "parameters": {written}}}',
            f"<|tool_call|>[{call}]",
            f"<|tool_call_begin|>{call}<|tool_call_end|>",
        )
    )


_LABELLED = frozenset({"name", "thought", "observation", "bullet", "lower", "spread", "indent"})
STYLES: dict[str, tuple[Write, bool, frozenset[str]]] = {
    "react": (_react, True, _LABELLED),
    "react, one line": (_react_line, True, frozenset({"name", "thought"})),
    "react, fenced": (_react_fenced, True, _LABELLED - {"bullet", "indent"}),
    "react, numbered": (_react_numbered, True, frozenset({"name", "observation"})),
    "react, bold": (_react_bold, True, frozenset({"name", "observation"})),
    "react, misspelt": (_react_typo, True, frozenset({"name", "observation"})),
    "react, no second label": (_react_no_label, True, frozenset({"thought", "observation"})),
    "react, brackets": (_react_brackets, False, frozenset({"thought", "observation"})),
    "react, bare text": (_react_bare, False, frozenset({"thought", "observation"})),
    "react, lines": (_react_lines, False, frozenset({"thought"})),
    "object": (_bare, True, frozenset({"thought"})),
    "object, fenced": (_fenced, True, frozenset({"thought", "unclosed", "observation"})),
    "object, as the protocol": (_openai, True, frozenset({"thought"})),
    "object, keyed by tool": (_keyed, True, frozenset({"thought"})),
    "tag": (_tag, True, frozenset({"thought"})),
    "tag, named": (_named_tag, True, frozenset({"thought"})),
    "tag, parameters": (_parameters, False, frozenset({"thought"})),
    "function": (_python, False, frozenset({"thought"})),
    "name and object": (_name_and_object, True, frozenset({"thought"})),
    "special tokens": (_special, True, frozenset()),
}
ALWAYS = frozenset({"prose before", "prose after", "returns", "blank lines", "mark"})


def _single_quotes(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return None if "'" in str(json.dumps(arguments)) or "\\" in written else written.replace('"', "'")


def _trailing_commas(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.rstrip()[:-1].rstrip() + ",}" if arguments and written.endswith("}") else None


def _missing_braces(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.rstrip().rstrip("}").rstrip() if arguments and written.rstrip().endswith("}") else None


def _bare_keys(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    for key in arguments:
        written = written.replace(f'"{key}":', f"{key}:").replace(f"'{key}':", f"{key}:")
    return written


def _python_words(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.replace(": true", ": True").replace(": false", ": False")


def _smart_quotes(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    if "\\" in written or "'" in written:
        return None
    parts = written.split('"')
    return "".join(part + ("“" if index % 2 == 0 else "”") for index, part in enumerate(parts[:-1])) + parts[-1]


def _wide_signs(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.replace('":', '"：').replace('", "', '"，"')


def _comment(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return "{ // what is asked\n" + written[1:] if written.startswith("{") and arguments else None


def _unescaped(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.replace('\\"', '"') if '\\"' in written else None


def _missing_comma(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.replace('", "', '"\n"', 1) if '", "' in written else None


def _spread(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    return written.replace("{", "{ ").replace("}", " }") if "[" not in written and "{job" not in written else None


def _doubled(written: str, arguments: dict[str, Any], chance: Random) -> str | None:
    try:
        return json.dumps(json.dumps(json.loads(written), ensure_ascii=False), ensure_ascii=False)
    except ValueError:
        return None


JSON_MUTATIONS: dict[str, Callable[[str, dict[str, Any], Random], str | None]] = {
    "single quotes": _single_quotes,
    "trailing commas": _trailing_commas,
    "missing braces": _missing_braces,
    "bare keys": _bare_keys,
    "words of Python": _python_words,
    "typographic quotes": _smart_quotes,
    "wide signs": _wide_signs,
    "comment": _comment,
    "unescaped quotes": _unescaped,
    "missing comma": _missing_comma,
    "spread": _spread,
    "text in text": _doubled,
}


def _observation(text: str, chance: Random) -> str:
    made_up = chance.choice(("Observation: 3 pods are running.", "观察：一切正常。", "**Observation:** none"))
    return f"{text}\n{made_up}\nThought: I know enough.\nFinal Answer: all is well."


def _bullets(text: str, chance: Random) -> str | None:
    lines = [line for line in text.split("\n") if line]
    if any(":" not in line[:20] or not line[0].isalpha() for line in lines):
        return None
    return "\n".join(f"- {line}" for line in lines)


def _lower(text: str, chance: Random) -> str | None:
    if "Action" not in text:
        return None
    return text.replace("Action Input", "action_input").replace("Action", "action")


def _unclosed(text: str, chance: Random) -> str | None:
    return text.rstrip()[:-3].rstrip() if text.rstrip().endswith("```") else None


TEXT_MUTATIONS: dict[str, Callable[[str, Random], str | None]] = {
    "prose before": lambda text, chance: f"{chance.choice(PROSE)}\n\n{text}",
    "prose after": lambda text, chance: f"{text}\n\nI will wait." if text.rstrip()[-1:] in "}>`)" else None,
    "thought": lambda text, chance: f"{chance.choice(('Thought', '思考', 'Thoughts'))}: {chance.choice(PROSE)}\n{text}",
    "observation": _observation,
    "bullet": _bullets,
    "lower": _lower,
    "spread": lambda text, chance: text.replace("\n", "\n\n", 1),
    "indent": lambda text, chance: "\n".join(f"  {line}" for line in text.split("\n")),
    "returns": lambda text, chance: text.replace("\n", "\r\n"),
    "blank lines": lambda text, chance: f"\n\n{text}\n\n",
    "mark": lambda text, chance: "\ufeff" + text,
    "unclosed": _unclosed,
}  # fmt: skip
