"""Phases as text: what is read, what is refused and where, and what is said to write instead."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

import agents.phases.builtin
from agents.phases import yaml_text
from agents.phases.builtin import BUILT_IN, built_in_text
from agents.phases.findings import Finding, PhaseInvalid
from agents.phases.reading import read, read_phase

FILES = sorted(path.stem for path in Path(agents.phases.builtin.__path__[0]).glob("*.yaml"))

HEAD = """\
name: mine
title: {en: Mine, zh: 我的}
description: {en: Does it., zh: 做事。}
requires: [model]
"""
GOOD = f"""{HEAD}agents:
  plan:
    kind: planner
  work:
    kind: executor
    planner: plan
  check:
    kind: checker
    checks: work
  say:
    kind: single
    speaks: true
chains:
  - name: do
    agents: [plan, work, check]
    rounds: 3
    until:
      - {{agent: check, result: accepted}}
  - name: tell
    agents: [say]
    when: {{agent: work, result: failed, negate: true}}
"""
LINE_OF_AGENTS = HEAD.count("\n") + 1


def found(text: str, **options: object) -> list[tuple[int, int, str]]:
    return [(each.line, each.column, each.code) for each in read(text, **options).findings]  # type: ignore[arg-type]


def only(text: str) -> Finding:
    (finding,) = read(text).findings
    return finding


def agents_and_chains(agents: str, chains: str = "  - {name: x, agents: [say]}\n") -> str:
    return f"{HEAD}agents:\n  say: {{kind: single, speaks: true}}\n{agents}chains:\n{chains}"


def test_a_phase_is_read_whole() -> None:
    definition = read_phase(GOOD)
    assert not read(GOOD).findings
    assert list(definition.agents) == ["plan", "work", "check", "say"]
    assert definition.chains[0].until[0].result == "accepted"
    assert definition.chains[1].when is not None
    assert definition.chains[1].when.negate
    assert definition.title.zh == "我的"


@pytest.mark.parametrize("name", FILES)
def test_the_phases_of_the_product_have_no_errors(name: str) -> None:
    reading = read(built_in_text(name), file=f"{name}.yaml")
    assert [str(each) for each in reading.findings] == []
    assert reading.definition is not None
    assert reading.definition.name == name


def test_there_are_the_twelve_and_the_registry_names_files() -> None:
    assert len(FILES) == 12
    assert set(BUILT_IN) <= set(FILES)


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "code", "hint"),
    [
        ("name: mine", "name: My phase", 1, 7, "bad_name", "my_phase"),
        ("name: mine", "nmae: mine", 1, 1, "unknown_key", "'name'"),
        ("zh: 我的", "cn: 我的", 2, 19, "unknown_key", ""),
        ("en: Mine", "en: 12", 2, 13, "wrong_type", '"12"'),
        ("requires: [model]", "requires: model", 4, 11, "wrong_type", "[model]"),
        ("requires: [model]", "requires: [modle]", 4, 12, "wrong_value", "'model'"),
        ("requires: [model]", "version: 2", 4, 10, "wrong_value", "1"),
        ("requires: [model]", "budget: {steps: 0}", 4, 17, "out_of_range", ""),
        ("requires: [model]", 'budget: {steps: "3"}', 4, 17, "wrong_type", "without quotes"),
        ("requires: [model]", "budget: {steps: true}", 4, 17, "wrong_type", ""),
        ("requires: [model]", "retrieve: yes", 4, 11, "wrong_type", "below it"),
        ("requires: [model]", "memory: threads", 4, 9, "wrong_value", "'thread'"),
        ("kind: planner", "kind: planer", 7, 11, "unknown_kind", "'planner'"),
        ("kind: planner", "type: planner", 6, 3, "missing_key", "kind"),
        ("kind: planner", "kind: planner\n    instructions: x", 8, 5, "unknown_key", "'prompt'"),
        ("    planner: plan\n", "", 8, 3, "missing_key", "'planner: …'"),
        ("speaks: true", "speaks: yes", 16, 13, "wrong_type", "true or false"),
        ("speaks: true", "prompt:", 16, 12, "wrong_type", "leave the key out"),
        ("agents: [say]", "agents: []", 24, 13, "wrong_length", ""),
        ("agents: [say]", "agents: say", 24, 13, "wrong_type", "[say]"),
        ("kind: planner", "kind: planner\n    kind: single", 8, 5, "duplicate_key", "Keep one"),
        ("  say:\n", "  9say:\n", 14, 3, "bad_name", "'say'"),
    ],
)
def test_what_the_shapes_refuse_has_a_place_and_a_remedy(
    old: str, new: str, line: int, column: int, code: str, hint: str
) -> None:
    reading = read(GOOD.replace(old, new, 1))
    assert reading.definition is None
    wanted = [each for each in reading.errors if each.code == code and (each.line, each.column) == (line, column)]
    assert wanted, [str(each) for each in reading.errors]
    assert hint in wanted[0].hint


def test_all_errors_are_told_at_once_in_the_order_of_the_text() -> None:
    text = (
        GOOD.replace("name: mine", "name: Mine")
        .replace("kind: planner", "kind: plan")
        .replace("rounds: 3", "rounds: 99")
    )
    findings = read(text, file="mine.yaml").findings
    assert [(each.line, each.code) for each in findings] == [(1, "bad_name"), (7, "unknown_kind"), (20, "out_of_range")]
    assert str(findings[0]).startswith("mine.yaml:1:7: error: ")
    with pytest.raises(PhaseInvalid) as raised:
        read_phase(text)
    assert "(and 2 more)" in str(raised.value)
    assert [each["line"] for each in raised.value.errors] == [1, 7, 20]


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        (GOOD.replace("planner: plan", "planner: plann"), "unknown_agent", "'plan'"),
        (GOOD.replace("planner: plan", "planner: say"), "wrong_kind", "plan"),
        (GOOD.replace("[plan, work, check]", "[plan, wrok, check]"), "unknown_agent", "'work'"),
        (GOOD.replace("[plan, work, check]", "[work, plan, check]"), "too_early", "Put 'plan' before 'work'"),
        (GOOD.replace("[plan, work, check]", "[plan, check, work]"), "too_early", "Put 'work' before 'check'"),
        (GOOD.replace("result: accepted", "result: acepted"), "unknown_result", "'accepted'"),
        (GOOD.replace("agent: check, result", "agent: chekc, result"), "unknown_agent", "'check'"),
        (GOOD.replace("agent: check, result: accepted", "agent: say, result: done"), "too_early", "of this chain"),
        (GOOD.replace("agent: work, result: failed", "agent: say, result: done"), "too_early", "before this one"),
        (GOOD.replace("speaks: true", "speaks: false"), "nobody_speaks", "'say'"),
        (GOOD.replace("name: tell", "name: do"), "repeated", "another name"),
        (
            agents_and_chains(
                "", "  - {name: x, agents: [say]}\n  - {name: y, agents: [say], when: {agent: say, result: a}}\n"
            ),
            "no_result",
            "selector",
        ),
    ],
)
def test_what_cannot_work_is_said_with_a_remedy(text: str, code: str, hint: str) -> None:
    errors = read(text).errors
    assert code in [each.code for each in errors], [str(each) for each in errors]
    assert hint in errors[0].hint


def test_agents_inside_each_other_are_refused() -> None:
    text = agents_and_chains(
        "  a: {kind: group, members: [b, say]}\n  b: {kind: parallel, branches: [c, say]}\n"
        "  c: {kind: selector, choices: {a: again, say: end}, fallback: say}\n",
        "  - {name: x, agents: [a, say]}\n",
    )
    finding = only(text)
    assert finding.code == "circle"
    assert "a → b → c → a" in finding.message
    assert finding.line == LINE_OF_AGENTS + 4


def test_a_selector_chooses_among_its_own() -> None:
    choices = "  s: {kind: selector, choices: {say: end, b: go on}, fallback: sya}\n  b: {kind: single}\n"
    assert only(agents_and_chains(choices, "  - {name: x, agents: [s]}\n")).code == "wrong_fallback"
    group = choices.replace("sya", "say") + "  g: {kind: group, members: [b, c], speaker: s}\n  c: {kind: single}\n"
    assert only(agents_and_chains(group, "  - {name: x, agents: [g, say]}\n")).code == "wrong_choices"
    one_twice = "  g: {kind: group, members: [say, say]}\n"
    assert only(agents_and_chains(one_twice, "  - {name: x, agents: [g]}\n")).code == "repeated"


@pytest.mark.parametrize(
    ("kind", "result", "possible"),
    [
        ("{kind: answer}", "nothing", True),
        ("{kind: answer}", "none", False),
        ("{kind: group, members: [say, b], stop_phrase: END}", "stopped", True),
        ("{kind: group, members: [say, b]}", "done", False),
        ("{kind: human, question: {en: Go on?, zh: 继续吗？}}", "whatever they say", True),
        ("{kind: human, question: {en: Go on?, zh: 继续吗？}, options: [Yes, No]}", "Yes", True),
        ("{kind: human, question: {en: Go on?, zh: 继续吗？}, options: [Yes, No]}", "Maybe", False),
        ("{kind: selector, choices: {say: a, b: b}, fallback: b}", "say", True),
        ("{kind: react}", "done", False),
    ],
)
def test_conditions_ask_for_what_an_agent_can_come_to(kind: str, result: str, possible: bool) -> None:
    agents = f"  asked: {kind}\n  b: {{kind: single}}\n"
    chains = (
        f"  - {{name: x, agents: [asked]}}\n  - {{name: y, agents: [say], when: {{agent: asked, result: {result}}}}}\n"
    )
    assert (read(agents_and_chains(agents, chains)).definition is not None) == possible


def test_a_checker_in_another_chain_cannot_send_work_back() -> None:
    split = GOOD.replace("[plan, work, check]\n    rounds: 3", "[plan, work]").replace("[say]", "[check, say]")
    split = split.replace("    until:\n      - {agent: check, result: accepted}\n", "")
    assert [(each.code, each.severity) for each in read(split).findings] == [("cannot_send_back", "warning")]


@pytest.mark.parametrize(
    ("schema", "column"),
    [
        ("{type: object, properties: {a: {type: string}}}", 0),
        ("{properties: {a: {type: strin}}}", 69),
        ("{type: string}", 52),
    ],
)
def test_an_output_is_a_schema_of_an_object(schema: str, column: int) -> None:
    findings = read(agents_and_chains("").replace("speaks: true", f"speaks: true, output: {schema}")).findings
    assert [(each.code, each.line, each.column) for each in findings] == (
        [("bad_schema", LINE_OF_AGENTS + 1, column)] if column else []
    )


def test_warnings_do_not_keep_a_phase_from_being_used() -> None:
    text = agents_and_chains("  idle: {kind: react, code: true, tools: [serch]}\n  odd: {kind: single, tools: [x]}\n")
    reading = read(text.replace("requires: [model]\n", ""), tools=("search", "x"))
    assert reading.definition is not None
    assert {each.code: each.hint for each in reading.findings} == {
        "unused_agent": "Name it in a chain, or remove it.",
        "unknown_tool": "Did you mean 'search'?",
        "tools_unused": "Make it 'kind: react', or remove its tools.",
        "unstated_requirement": "Write 'requires: [model]', so that nobody chooses it in vain.",
    }


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("just words", 1, "wrong_type"),
        ("- a\n- b", 1, "wrong_type"),
        ("name: [a", 1, "yaml_syntax"),
        ("name: a\n\tb: c", 2, "yaml_syntax"),
        ("name: a: b", 1, "yaml_syntax"),
        ("name: 'a", 1, "yaml_syntax"),
        ("name: a\n---\nname: b", 2, "several_documents"),
        ("name: &x a\nb: *x", 1, "alias"),
        ("a: *missing", 1, "alias"),
        ("name: !!python/object/apply:os.system [ls]", 1, "tag"),
        ("name: !!str a", 1, "tag"),
        ("? [a, b]\n: c", 1, "bad_key"),
        ("? {a: b}\n: c", 1, "bad_key"),
        ("name: a\x00b", 1, "bad_character"),
        ("name: \ud800", 1, "bad_character"),
        ("a: " + "[" * 500 + "]" * 500, 1, "too_deep"),
        ("a: [" + "1, " * 20_000 + "1]", 1, "too_many_values"),
        ("a" * 300_000, 1, "too_long"),
    ],
)
def test_hostile_and_broken_text_is_refused_with_a_place(text: str, line: int, code: str) -> None:
    findings = read(text).findings
    assert (findings[0].code, findings[0].severity) == (code, "error"), [str(each) for each in findings]
    if code != "yaml_syntax":
        assert findings[0].line == line


def test_entities_that_multiply_are_never_expanded() -> None:
    text = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    assert found(text) == [(1, 4, "alias")]


def test_groups_that_share_members_are_not_walked_for_ever() -> None:
    agents = "".join(
        f"  {each}{i}: {{kind: group, members: [g{i + 1}, h{i + 1}]}}\n" for i in range(23) for each in "gh"
    )
    text = agents_and_chains(
        f"{agents}  g23: {{kind: single}}\n  h23: {{kind: single}}\n", "  - {name: x, agents: [g0, say]}\n"
    )
    assert [each.code for each in read(text).findings] == ["unused_agent"]


def test_of_a_thousand_errors_a_hundred_are_told() -> None:
    findings = read(GOOD + "".join(f"key{i}: 1\n" for i in range(1000))).findings
    assert len(findings) == 100
    assert findings[0].code == "unknown_key"


def test_words_mean_what_they_mean_in_yaml_1_2() -> None:
    document, findings = yaml_text.read_yaml(
        "a: yes\nb: on\nc: 12:30\nd: true\ne: 0x1f\nf: 1_000\ng: 1.5\nh: ~\n"
        "i: 2026-01-01\nj: 'true'\nk: .inf\nl: 007\nm: |\n  x\n"
    )
    assert not findings
    assert document.value == {
        "a": "yes", "b": "on", "c": "12:30", "d": True, "e": "0x1f", "f": "1_000", "g": 1.5, "h": None,
        "i": "2026-01-01", "j": "true", "k": ".inf", "l": 7, "m": "x\n",
    }  # fmt: skip


def test_the_slow_parser_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = [
        GOOD.replace("planner: plan", "planner: plann"),
        "a: *x",
        GOOD.replace("kind: planner", "kind: p"),
    ]
    quick = [found(text) for text in bad]
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.SafeLoader)
    assert [[(line, code) for line, _, code in each] for each in map(found, bad)] == [
        [(line, code) for line, _, code in each] for each in quick
    ]


def test_positions_count_characters_and_not_bytes() -> None:
    assert only(GOOD.replace("zh: 我的}", "zh: 我的, x: 1}")).column == len("title: {en: Mine, zh: 我的, ") + 1


def test_whatever_is_typed_is_read_or_refused_with_a_place() -> None:
    signs = ["[", "]", "{", "}", ": ", "- ", "\n", "  ", "'", '"', "&x ", "*x ", "!t ", "|", "null", "1e9", "\t"]
    texts = [built_in_text(name) for name in ("group", "plan_execute", "design_to_code")]
    chance = random.Random(13)
    for _ in range(300):
        text = list(chance.choice(texts))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(text))
            if chance.random() < 0.5:
                del text[at : at + chance.randint(1, 20)]
            else:
                text[at:at] = chance.choice(signs)
        reading = read("".join(text))
        assert (reading.definition is None) == bool(reading.errors)
        assert all(each.line >= 1 and each.column >= 1 and each.message for each in reading.findings)
