"""Pictures of phases: everything is in them, and nothing that people write is read as part of the drawing."""

from __future__ import annotations

import re

from agents.phases.builtin import built_in_definition
from agents.phases.picture import dot, draw, mermaid
from agents.phases.reading import read_phase

HOSTILE = '"]; click a "javascript:alert(1)" <img src=x onerror=alert(1)> end %%{init: {}}%% `x` #quot; \\n {} ['


def phase(title: str) -> str:
    quoted = title.replace("'", "''")
    return f"""\
name: mine
title: {{en: Mine, zh: 我的}}
description: {{en: Does it., zh: 做事。}}
requires: [model]
retrieve: {{top_k: 3}}
agents:
  plan: {{kind: planner}}
  work: {{kind: executor, planner: plan}}
  check: {{kind: checker, checks: work}}
  say:
    kind: single
    speaks: true
    title: {{en: '{quoted}', zh: 说}}
chains:
  - {{name: do, agents: [plan, work, check], rounds: 3, until: [{{agent: check, result: accepted}}]}}
  - {{name: tell, agents: [say], when: {{agent: work, result: failed, negate: true}}}}
"""


def test_chains_agents_conditions_and_rounds_are_drawn() -> None:
    text = mermaid(draw(read_phase(phase("Teller"))))
    assert text.startswith("flowchart TD\n")
    assert 'subgraph chain_1["do"]' in text
    assert 'agent_1_1["plan<br/>planner"]' in text
    assert 'agent_2_1["Teller<br/>single"]' in text
    assert "question --> retrieve" in text
    assert 'when_2{"work is not failed"}' in text
    assert 'agent_1_3 -.->|"up to 3 rounds, until check is accepted"| agent_1_1' in text
    assert 'agent_1_2 -.->|"new plan"| agent_1_1' in text
    assert 'agent_1_3 -.->|"sent back ≤ 2"| agent_1_2' in text
    assert 'when_2 -->|"otherwise"| answer' in text
    assert "说<br/>single" in mermaid(draw(read_phase(phase("x")), "zh"))


def test_labels_are_text_and_nothing_else() -> None:
    picture = draw(read_phase(phase(HOSTILE)))
    text, graph = mermaid(picture), dot(picture)
    label = next(line for line in text.splitlines() if "agent_2_1[" in line)
    assert re.fullmatch(r'\s*agent_2_1\["[^"<>`%{}\[\]\\]*<br/>single"\]', label)
    assert "<img" not in text
    inside = next(line for line in graph.splitlines() if "agent_2_1 [" in line)
    assert re.fullmatch(r'\s*agent_2_1 \[label="(?:[^"\\]|\\.)*"\];', inside)
    assert "<img" not in graph


def test_an_agent_named_by_many_is_drawn_once() -> None:
    text = mermaid(draw(built_in_definition("group")))
    assert text.count("Critic<br/>single") == 1
    assert text.count("-.->") == 4
