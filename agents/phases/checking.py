"""What the shapes of a definition cannot say: names that must exist, circles, an order in which work can be done."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from agents.phases.definition import (
    AgentDefinition,
    AnswerAgent,
    CheckerAgent,
    Condition,
    ExecutorAgent,
    GroupAgent,
    HumanAgent,
    ParallelAgent,
    PhaseDefinition,
    PlannerAgent,
    ReactAgent,
    SelectorAgent,
    SingleAgent,
)
from agents.phases.findings import Path, Severity, did_you_mean, shown
from agents.phases.phase import Requirement

EVERY_TOOL = "*"

_CALLS_MODEL = (SingleAgent, ReactAgent, PlannerAgent, ExecutorAgent, SelectorAgent, CheckerAgent)
_CALLS_TOOLS = (ReactAgent, ExecutorAgent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """As a Finding, with a place in the document instead of one in its text; `of_key`: the key there is meant."""

    at: Path
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    of_key: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """An agent that another one, or a chain, names; `carries`: the one named does its work inside the other's."""

    name: str
    at: Path
    carries: bool = True


def check(definition: PhaseDefinition, *, tools: Collection[str] | None = None) -> list[Remark]:
    """Everything wrong with a definition of the right shape. `tools` are the names there are; None: not checked."""
    remarks = list(_names(definition))
    if not remarks:
        remarks = [*_circles(definition), *_kinds(definition), *_outputs(definition)]
    if not remarks:
        remarks = [*_order(definition), *_conditions(definition), *_speakers(definition)]
    return [*remarks, *_unused(definition), *_requirements(definition), *_tools(definition, tools)]


def results_of(agent: AgentDefinition) -> tuple[str, ...] | None:
    """What a condition can ask of an agent's result: these words, any (None), or nothing (empty)."""
    match agent:
        case SelectorAgent():
            return tuple(agent.choices)
        case CheckerAgent():
            return ("accepted", "rejected")
        case PlannerAgent() | ExecutorAgent():
            return ("done", "failed")
        case HumanAgent():
            return (*agent.options, "approved", "rejected", "expired") if agent.options else None
        case AnswerAgent():
            return ("answered", "closest", "nothing")
        case GroupAgent():
            return ("stopped", "max_turns")
        case _:
            return ()


def references(name: str, agent: AgentDefinition) -> Iterator[Reference]:
    """The agents that this one names."""
    at: Path = ("agents", name)
    match agent:
        case ExecutorAgent():
            yield Reference(name=agent.planner, at=(*at, "planner"), carries=False)
        case SelectorAgent():
            yield from (Reference(name=each, at=(*at, "choices", each)) for each in agent.choices)
        case CheckerAgent():
            yield Reference(name=agent.checks, at=(*at, "checks"))
        case GroupAgent():
            yield from (Reference(name=each, at=(*at, "members", i)) for i, each in enumerate(agent.members))
            if agent.speaker is not None:
                yield Reference(name=agent.speaker, at=(*at, "speaker"), carries=False)
        case ParallelAgent():
            yield from (Reference(name=each, at=(*at, "branches", i)) for i, each in enumerate(agent.branches))
        case _:
            pass


def used_agents(definition: PhaseDefinition) -> frozenset[str]:
    """The agents that a run can come to."""
    found: set[str] = set()
    pending = [name for chain in definition.chains for name in chain.agents]
    while pending:
        name = pending.pop()
        if name in found or name not in definition.agents:
            continue
        found.add(name)
        pending.extend(each.name for each in references(name, definition.agents[name]))
    return frozenset(found)


def _names(definition: PhaseDefinition) -> Iterator[Remark]:
    named = [each for name, agent in definition.agents.items() for each in references(name, agent)]
    for i, chain in enumerate(definition.chains):
        named += [Reference(name=each, at=("chains", i, "agents", k)) for k, each in enumerate(chain.agents)]
    named += [Reference(name=each.agent, at=(*at, "agent")) for at, each in _all_conditions(definition)]
    for each in named:
        if each.name not in definition.agents:
            message = f"There is no agent named {shown(each.name)}."
            of_key = "choices" in each.at
            yield Remark(
                at=each.at, code="unknown_agent", message=message, hint=did_you_mean(each.name, definition.agents),
                of_key=of_key,
            )  # fmt: skip
    yield from _repeated(definition)


def _repeated(definition: PhaseDefinition) -> Iterator[Remark]:
    seen: set[str] = set()
    for i, chain in enumerate(definition.chains):
        if chain.name in seen:
            message = f"There is a chain named {shown(chain.name)} already."
            yield Remark(at=("chains", i, "name"), code="repeated", message=message, hint="Give it another name.")
        seen.add(chain.name)
    for name, agent in definition.agents.items():
        key = "members" if isinstance(agent, GroupAgent) else "branches" if isinstance(agent, ParallelAgent) else ""
        listed = getattr(agent, key) if key else ()
        for i, each in enumerate(listed):
            if each in listed[:i]:
                message = f"{shown(each)} is named twice."
                yield Remark(at=("agents", name, key, i), code="repeated", message=message, hint="Remove one of them.")


def _all_conditions(definition: PhaseDefinition) -> Iterator[tuple[Path, Condition]]:
    for i, chain in enumerate(definition.chains):
        if chain.when is not None:
            yield ("chains", i, "when"), chain.when
        yield from ((("chains", i, "until", k), each) for k, each in enumerate(chain.until))


def _circles(definition: PhaseDefinition) -> Iterator[Remark]:
    """Agents inside each other without end; one remark for each circle, at the name that closes it."""
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[Remark]:
        if name in done:
            return
        for each in references(name, definition.agents[name]):
            if not each.carries:
                continue
            if each.name in (*trail, name):
                circle = (*trail, name, each.name)[(*trail, name).index(each.name) :]
                message = f"Agents contain each other without end: {' → '.join(circle)}."
                hint = f"Name another agent here than {shown(each.name)}."
                yield Remark(at=each.at, code="circle", message=message, hint=hint, of_key="choices" in each.at)
            else:
                yield from visit(each.name, (*trail, name))
        done.add(name)

    for name in definition.agents:
        yield from visit(name, ())


def _kinds(definition: PhaseDefinition) -> Iterator[Remark]:
    """Agents that are named for what only a certain kind can do."""
    for name, agent in definition.agents.items():
        at: Path = ("agents", name)
        if isinstance(agent, ExecutorAgent):
            yield from _must_be(definition, agent.planner, PlannerAgent, "planner", (*at, "planner"))
        if isinstance(agent, GroupAgent) and agent.speaker is not None:
            yield from _must_be(definition, agent.speaker, SelectorAgent, "selector", (*at, "speaker"))
            speaker = definition.agents[agent.speaker]
            strangers = [each for each in getattr(speaker, "choices", ()) if each not in agent.members]
            if strangers:
                message = f"{shown(agent.speaker)} chooses among others than the members: {', '.join(strangers)}."
                hint = f"Its choices must be of {', '.join(agent.members)}."
                yield Remark(at=(*at, "speaker"), code="wrong_choices", message=message, hint=hint)
        if isinstance(agent, SelectorAgent) and agent.fallback not in agent.choices:
            message = f"The fallback {shown(agent.fallback)} is none of the choices."
            yield Remark(
                at=(*at, "fallback"), code="wrong_fallback", message=message,
                hint=did_you_mean(agent.fallback, agent.choices),
            )  # fmt: skip


def _outputs(definition: PhaseDefinition) -> Iterator[Remark]:
    """Schemas that no answer could be held against."""
    for name, agent in definition.agents.items():
        if not isinstance(agent, SingleAgent) or agent.output is None:
            continue
        # It takes a tenth of a second to import, and few phases need it.
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

        at: Path = ("agents", name, "output")
        try:
            Draft202012Validator.check_schema(agent.output)
        except SchemaError as error:
            message = f"This is no JSON Schema: {error.message[:200]}."
            yield Remark(at=(*at, *error.path), code="bad_schema", message=message)
            continue
        if agent.output.get("type", "object") != "object":
            hint = "Write 'type: object', and what is wanted as one of its 'properties'."
            message = "An answer is one JSON object, and this asks for something else."
            yield Remark(at=(*at, "type"), code="bad_schema", message=message, hint=hint)


def _must_be(definition: PhaseDefinition, name: str, kind: type[object], word: str, at: Path) -> Iterator[Remark]:
    if isinstance(definition.agents[name], kind):
        return
    fitting = [each for each, agent in definition.agents.items() if isinstance(agent, kind)]
    message = f"{shown(name)} is of the kind {definition.agents[name].kind}; here a {word} is needed."
    hint = f"Name one of: {', '.join(fitting)}." if fitting else f"Add an agent with 'kind: {word}'."
    yield Remark(at=at, code="wrong_kind", message=message, hint=hint)


def _order(definition: PhaseDefinition) -> list[Remark]:
    """Work that needs what another agent made, before that one had its turn."""
    order = _Order(definition)
    for i, chain in enumerate(definition.chains):
        if chain.when is not None:
            order.ask(chain.when, ("chains", i, "when", "agent"), "Put its chain before this one.")
        for k, name in enumerate(chain.agents):
            order.turn(name, ("chains", i, "agents", k))
        for k, condition in enumerate(chain.until):
            order.ask(condition, ("chains", i, "until", k, "agent"), "Name an agent of this chain.")
    return [*order.remarks, *_cannot_send_back(definition)]


def _cannot_send_back(definition: PhaseDefinition) -> Iterator[Remark]:
    for i, chain in enumerate(definition.chains):
        for k, name in enumerate(chain.agents):
            agent = definition.agents[name]
            if isinstance(agent, CheckerAgent) and agent.max_returns and agent.checks not in chain.agents[:k]:
                message = f"{shown(name)} can judge {shown(agent.checks)} here, and not send its work back."
                hint = f"Put '{agent.checks}' before it in the same chain."
                at: Path = ("chains", i, "agents", k)
                yield Remark(at=at, code="cannot_send_back", message=message, hint=hint, severity="warning")


class _Order:
    """The agents in the order in which a run that leaves nothing out comes to them."""

    def __init__(self, definition: PhaseDefinition) -> None:
        self._agents = definition.agents
        self._before: set[str] = set()
        self.remarks: list[Remark] = []

    def turn(self, name: str, place: Path) -> None:
        """An agent has its turn, and those inside it."""
        if name in self._before:
            return
        agent = self._agents[name]
        if isinstance(agent, GroupAgent | ParallelAgent | SelectorAgent):
            for each in references(name, agent):
                self.turn(each.name, place) if each.carries else self._before.add(each.name)
        if isinstance(agent, ExecutorAgent):
            self._need(agent.planner, place, f"{shown(name)} works the plan of", name)
        if isinstance(agent, CheckerAgent):
            self._need(agent.checks, place, f"{shown(name)} checks", name)
        self._before.add(name)

    def ask(self, condition: Condition, place: Path, hint: str) -> None:
        """A condition is looked at."""
        if condition.agent not in self._before:
            message = f"{shown(condition.agent)} has not had its turn when this is asked."
            self.remarks.append(Remark(at=place, code="too_early", message=message, hint=hint))

    def _need(self, needed: str, place: Path, what: str, name: str) -> None:
        if needed not in self._before:
            message = f"{what} {shown(needed)}, which has not had its turn by then."
            hint = f"Put '{needed}' before '{name}'."
            self.remarks.append(Remark(at=place, code="too_early", message=message, hint=hint))


def _conditions(definition: PhaseDefinition) -> Iterator[Remark]:
    for at, condition in _all_conditions(definition):
        agent = definition.agents[condition.agent]
        possible = results_of(agent)
        if possible is None or condition.result in possible:
            continue
        if not possible:
            message = f"{shown(condition.agent)} is of the kind {agent.kind}, which comes to no result to ask for."
            hint = "Ask for that of an answer, selector, checker, planner, executor, group or human."
            yield Remark(at=(*at, "agent"), code="no_result", message=message, hint=hint)
            continue
        message = f"{shown(condition.agent)} never comes to {shown(condition.result)}."
        hint = did_you_mean(condition.result, possible)
        yield Remark(at=(*at, "result"), code="unknown_result", message=message, hint=hint)


def _speakers(definition: PhaseDefinition) -> Iterator[Remark]:
    used = used_agents(definition)
    if not any(definition.agents[name].speaks or definition.agents[name].kind == "answer" for name in used):
        last = definition.chains[-1].agents[-1]
        hint = f"Add 'speaks: true' to the agent that writes it, '{last}' for example."
        yield Remark(
            at=("agents",), code="nobody_speaks", message="No agent writes the answer.", hint=hint, of_key=True
        )


def _unused(definition: PhaseDefinition) -> Iterator[Remark]:
    used = used_agents(definition)
    for name in definition.agents:
        if name not in used:
            yield Remark(
                at=("agents", name), code="unused_agent", message=f"Nobody calls the agent {shown(name)}.",
                hint="Name it in a chain, or remove it.", severity="warning", of_key=True,
            )  # fmt: skip


def _requirements(definition: PhaseDefinition) -> Iterator[Remark]:
    used = [(name, definition.agents[name]) for name in definition.agents if name in used_agents(definition)]
    calling = [name for name, agent in used if isinstance(agent, _CALLS_MODEL)]
    running = [name for name, agent in used if getattr(agent, "code", False)]
    needs: tuple[tuple[Requirement, list[str], str], ...] = (
        ("model", calling, "calls a language model"),
        ("sandbox", running, "runs code in a sandbox"),
    )
    for requirement, names, what in needs:
        if names and requirement not in definition.requires:
            listed = ", ".join((*definition.requires, requirement))
            yield Remark(
                at=("requires",) if definition.requires else (), code="unstated_requirement",
                message=f"{shown(names[0])} {what}, and the phase does not say that it requires one.",
                hint=f"Write 'requires: [{listed}]', so that nobody chooses it in vain.", severity="warning",
                of_key=True,
            )  # fmt: skip


def _tools(definition: PhaseDefinition, known: Collection[str] | None) -> Iterator[Remark]:
    for name, agent in definition.agents.items():
        if agent.tools and not isinstance(agent, _CALLS_TOOLS):
            message = f"{shown(name)} is of the kind {agent.kind}, which calls no tools."
            hint = "Make it 'kind: react', or remove its tools."
            yield Remark(
                at=("agents", name, "tools"), code="tools_unused", message=message, hint=hint, severity="warning",
                of_key=True,
            )  # fmt: skip
    if known is None:
        return
    lists: list[tuple[Path, tuple[str, ...]]] = [(("tools",), definition.tools)]
    lists += [(("agents", name, "tools"), agent.tools or ()) for name, agent in definition.agents.items()]
    for at, names in lists:
        for i, tool in enumerate(names):
            if tool != EVERY_TOOL and tool not in known:
                message = f"There is no tool named {shown(tool)} now."
                hint = did_you_mean(tool, sorted(known))
                yield Remark(at=(*at, i), code="unknown_tool", message=message, hint=hint, severity="warning")
