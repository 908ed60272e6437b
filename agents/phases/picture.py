"""A definition as a picture: its chains, agents, conditions and rounds, as Mermaid and as DOT."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from agents.phases.checking import references
from agents.phases.definition import (
    AgentDefinition,
    ChainDefinition,
    CheckerAgent,
    Condition,
    ExecutorAgent,
    PhaseDefinition,
    Words,
)

Language = Literal["en", "zh"]

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "question": "Question", "answer": "Answer", "retrieve": "Search the knowledge bases",
        "rounds": "up to {} rounds", "until": "until", "is": "{} is {}", "not": "{} is not {}", "replan": "new plan",
        "back": "sent back", "else": "otherwise",
    },
    "zh": {
        "question": "问题", "answer": "回答", "retrieve": "检索知识库", "rounds": "最多 {} 轮",
        "until": "直到", "is": "{} 为 {}", "not": "{} 不为 {}", "replan": "重新规划",
        "back": "退回", "else": "否则",
    },
}  # fmt: skip
_LONGEST_LABEL = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """`id` is fit for any language of pictures; `label` is text as people wrote it."""

    id: str
    label: str
    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    source: str
    target: str
    label: str = ""
    dashed: bool = False


@dataclass(kw_only=True, slots=True)
class Picture:
    """Nodes, those of each chain in a frame with a caption, and edges between them."""

    nodes: list[Node] = field(default_factory=list)
    frames: list[tuple[str, str, list[Node]]] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def draw(definition: PhaseDefinition, language: Language = "en") -> Picture:
    """The picture of a definition that has been checked."""
    return _Drawing(definition, language).draw()


class _Drawing:
    def __init__(self, definition: PhaseDefinition, language: Language) -> None:
        self._definition = definition
        self._say = _WORDS[language]
        self._language = language
        self._picture = Picture()
        self._drawn: dict[str, str] = {}
        self._here: dict[str, str] = {}
        """Agents of the chain at hand: each is drawn once in it, however often it is named."""

    def draw(self) -> Picture:
        picture, say = self._picture, self._say
        picture.nodes.append(Node(id="question", label=say["question"], kind="end"))
        ends = [("question", "")]
        if self._definition.retrieve is not None:
            picture.nodes.append(Node(id="retrieve", label=say["retrieve"], kind="retrieve"))
            picture.edges.append(Edge(source="question", target="retrieve"))
            ends = [("retrieve", "")]
        for number, chain in enumerate(self._definition.chains, 1):
            ends = self._chain(number, chain, ends)
        picture.nodes.append(Node(id="answer", label=say["answer"], kind="end"))
        picture.edges += [Edge(source=source, target="answer", label=label) for source, label in ends]
        return picture

    def _chain(self, number: int, chain: ChainDefinition, ends: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Draw a chain after what came before; returns what comes before the next one."""
        self._here.clear()
        frame: list[Node] = []
        after: list[tuple[str, str]] = []
        if chain.when is not None:
            asked = Node(id=f"when_{number}", label=self._condition(chain.when), kind="condition")
            self._picture.nodes.append(asked)
            self._picture.edges += [Edge(source=source, target=asked.id, label=label) for source, label in ends]
            ends = [(asked.id, "✓")]
            after = [(asked.id, self._say["else"])]
        first = last = ""
        for position, name in enumerate(chain.agents, 1):
            last = self._agent(name, f"agent_{number}_{position}", frame)
            first = first or last
            self._picture.edges += [Edge(source=source, target=last, label=label) for source, label in ends]
            ends = [(last, "")]
        if chain.rounds > 1:
            self._picture.edges.append(Edge(source=last, target=first, label=self._rounds(chain), dashed=True))
        self._picture.frames.append((f"chain_{number}", chain.name, frame))
        return [*ends, *after]

    def _agent(self, name: str, node_id: str, frame: list[Node]) -> str:
        """Draw an agent and what it works with; returns the id of its node."""
        if name in self._here:
            return self._here[name]
        agent = self._definition.agents[name]
        self._here[name] = node_id
        frame.append(Node(id=node_id, label=f"{self._title(name, agent)}\n{agent.kind}", kind=agent.kind))
        self._drawn[name] = node_id
        if isinstance(agent, CheckerAgent) and agent.checks in self._drawn:
            label = f"{self._say['back']} ≤ {agent.max_returns}"
            self._picture.edges.append(Edge(source=node_id, target=self._drawn[agent.checks], label=label, dashed=True))
            return node_id
        if isinstance(agent, ExecutorAgent) and agent.planner in self._drawn:
            source = self._drawn[agent.planner]
            self._picture.edges.append(Edge(source=node_id, target=source, label=self._say["replan"], dashed=True))
            return node_id
        for index, each in enumerate(references(name, agent), 1):
            inner = f"{node_id}_{index}"
            if each.carries:
                inner = self._agent(each.name, inner, frame)
            else:
                other = self._definition.agents[each.name]
                frame.append(Node(id=inner, label=f"{self._title(each.name, other)}\n{other.kind}", kind=other.kind))
            self._picture.edges.append(Edge(source=node_id, target=inner, dashed=True))
        return node_id

    def _title(self, name: str, agent: AgentDefinition) -> str:
        return self._words(agent.title) if agent.title is not None else name

    def _words(self, words: Words) -> str:
        return words.zh if self._language == "zh" else words.en

    def _rounds(self, chain: ChainDefinition) -> str:
        until = " / ".join(self._condition(each) for each in chain.until)
        rounds = self._say["rounds"].format(chain.rounds)
        return f"{rounds}, {self._say['until']} {until}" if until else rounds

    def _condition(self, condition: Condition) -> str:
        agent = self._definition.agents[condition.agent]
        # Not by format: what users wrote may hold braces.
        before, between, _ = self._say["not" if condition.negate else "is"].split("{}")
        return f"{before}{self._title(condition.agent, agent)}{between}{condition.result}"


_MERMAID_SHAPES = {
    "end": ("([", "])"), "retrieve": ("[(", ")]"), "condition": ("{", "}"), "human": ("[/", "/]"),
    "selector": ("{{", "}}"), "checker": ("{{", "}}"), "group": ("[[", "]]"), "parallel": ("[[", "]]"),
}  # fmt: skip
_DOT_SHAPES = {
    "end": "oval", "retrieve": "cylinder", "condition": "diamond", "human": "parallelogram", "selector": "hexagon",
    "checker": "hexagon", "group": "box3d", "parallel": "box3d",
}  # fmt: skip


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart. Labels are only ever text: nothing in them is read as Mermaid or HTML."""
    return "\n".join(("flowchart TD", *_mermaid_lines(picture))) + "\n"


def _mermaid_lines(picture: Picture) -> Iterator[str]:
    framed = {node.id for _, _, nodes in picture.frames for node in nodes}
    yield from (f"  {_mermaid_node(node)}" for node in picture.nodes if node.id not in framed)
    for frame_id, caption, nodes in picture.frames:
        yield f'  subgraph {frame_id}["{_mermaid_text(caption)}"]'
        yield from (f"    {_mermaid_node(node)}" for node in nodes)
        yield "  end"
    for edge in picture.edges:
        arrow = "-.->" if edge.dashed else "-->"
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        yield f"  {edge.source} {arrow}{label} {edge.target}"


def _mermaid_node(node: Node) -> str:
    opening, closing = _MERMAID_SHAPES.get(node.kind, ("[", "]"))
    return f'{node.id}{opening}"{"<br/>".join(_mermaid_text(line) for line in node.label.split(chr(10)))}"{closing}'


def _mermaid_text(text: str) -> str:
    """Text as Mermaid's entities where a sign could mean something."""
    return "".join(sign if sign.isalnum() or sign in " _,.:≤≥✓→/" else f"#{ord(sign)};" for sign in _short(text))


def dot(picture: Picture) -> str:
    """The picture in the language of Graphviz."""
    framed = {node.id for _, _, nodes in picture.frames for node in nodes}
    lines = ["digraph phase {", '  rankdir=TB; node [shape=box, style="rounded", fontname="sans-serif"];']
    lines += [f"  {_dot_node(node)}" for node in picture.nodes if node.id not in framed]
    for frame_id, caption, nodes in picture.frames:
        lines.append(f"  subgraph cluster_{frame_id} {{ label={_dot_text(caption)}; labeljust=l; style=dashed;")
        lines += [f"    {_dot_node(node)}" for node in nodes]
        lines.append("  }")
    for edge in picture.edges:
        style = ", style=dashed, constraint=false" if edge.dashed and edge.label else ", style=dashed" * edge.dashed
        lines.append(f"  {edge.source} -> {edge.target} [label={_dot_text(edge.label)}{style}];")
    return "\n".join((*lines, "}")) + "\n"


def _dot_node(node: Node) -> str:
    label = "\\n".join(_dot_text(line)[1:-1] for line in node.label.split("\n"))
    shape = f", shape={_DOT_SHAPES[node.kind]}" if node.kind in _DOT_SHAPES else ""
    return f'{node.id} [label="{label}"{shape}];'


def _dot_text(text: str) -> str:
    """A quoted string; entities of HTML, which Graphviz reads in labels, stand for themselves."""
    return '"' + html.escape(_short(text), quote=False).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"{line[:_LONGEST_LABEL]}…" if len(line) > _LONGEST_LABEL else line
