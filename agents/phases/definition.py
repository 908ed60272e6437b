"""What a phase's YAML says, as values: agents, chains of them, and the phase that runs the chains.

The shapes here are the published JSON Schema (`PhaseDefinition.model_json_schema()`). What they cannot say (names that
must exist, circles, agents that nobody calls) is checked by `agents.phases.checking`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.phases.phase import Requirement

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]


class _Definition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Definition):
    """The same text in both languages of the product."""

    en: str = Field(min_length=1, max_length=400)
    zh: str = Field(min_length=1, max_length=400)


class BudgetLimits(_Definition):
    """What one run may use at most; what a caller asks for can only be less."""

    steps: int = Field(default=40, ge=1, le=1000, description="Turns of agents, each one call of a model.")
    tool_calls: int = Field(default=40, ge=0, le=1000)
    tokens: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=600, gt=0, le=86_400)
    cost: float | None = Field(default=None, gt=0)


class Retrieval(_Definition):
    """What is searched for before the first agent speaks; its passages are evidence for all of them."""

    top_k: int = Field(default=8, ge=1, le=50)


class Condition(_Definition):
    """Holds when the last result of an agent is (or is not) this: a selector's choice, a checker's `accepted` or
    `rejected`, a planner's or executor's `done` or `failed`, an answer's `answered`, `closest` or `nothing`, a group's
    `stopped` or `max_turns`, a human's words, or else `approved`, `rejected` or `expired`."""

    agent: Name
    result: str = Field(min_length=1, max_length=200)
    negate: bool = False


class _Agent(_Definition):
    title: Words | None = None
    prompt: str = Field(default="", max_length=20_000, description="Instructions in the words of the phase's author.")
    model: str | None = Field(default=None, description="A configured model; without it, that of the run.")
    fallback_models: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = Field(default=None, description="Tools by name; without it, those of the phase.")
    max_steps: int = Field(default=12, ge=1, le=200, description="Turns of the model within one turn of the agent.")
    speaks: bool = Field(default=False, description="What it writes is (part of) the answer and is streamed as such.")


class SingleAgent(_Agent):
    """One call of the model. `output` is a JSON Schema that its answer must meet."""

    kind: Literal["single"]
    output: dict[str, Any] | None = None


class AnswerAgent(_Agent):
    """Retrieves, and answers with a citation behind every sentence; with a model or without."""

    kind: Literal["answer"]


class ReactAgent(_Agent):
    """Thinks, calls tools, looks at what came of it, until it can answer. `code: true` lets it run code in the
    sandbox."""

    kind: Literal["react"]
    code: bool = False


class PlannerAgent(_Agent):
    """Writes the plan, and a new one when a step failed."""

    kind: Literal["planner"]
    max_plan_steps: int = Field(default=10, ge=1, le=50)
    max_replans: int = Field(default=2, ge=0, le=10)


class ExecutorAgent(_Agent):
    """Works the plan of `planner` off, step by step, with tools; sees the plan, its step and the earlier results."""

    kind: Literal["executor"]
    planner: Name
    code: bool = False


class SelectorAgent(_Agent):
    """Chooses who goes on. A choice that is none is asked again once, then `fallback` is taken."""

    kind: Literal["selector"]
    choices: dict[Name, str] = Field(min_length=2, description="Agents by name, with what each is for.")
    fallback: Name


class CheckerAgent(_Agent):
    """Looks at what `checks` wrote; rejects with reasons, which sends the work back at most `max_returns` times."""

    kind: Literal["checker"]
    checks: Name
    max_returns: int = Field(default=2, ge=0, le=10)


class GroupAgent(_Agent):
    """Several speak in turn. `speaker` names a selector that says who is next; without it, one after the other."""

    kind: Literal["group"]
    members: tuple[Name, ...] = Field(min_length=2)
    speaker: Name | None = None
    max_turns: int = Field(default=8, ge=1, le=50)
    stop_phrase: str = Field(default="", description="Ends the talk when a member writes it on a line of its own.")


class ParallelAgent(_Agent):
    """Runs `branches` at the same time and joins what they wrote, in their order."""

    kind: Literal["parallel"]
    branches: tuple[Name, ...] = Field(min_length=2)


class HumanAgent(_Agent):
    """Asks the person and waits, for days if need be. `options` are offered as buttons."""

    kind: Literal["human"]
    question: Words
    options: tuple[str, ...] = ()


AgentDefinition = Annotated[
    SingleAgent
    | AnswerAgent
    | ReactAgent
    | PlannerAgent
    | ExecutorAgent
    | SelectorAgent
    | CheckerAgent
    | GroupAgent
    | ParallelAgent
    | HumanAgent,
    Field(discriminator="kind"),
]


class ChainDefinition(_Definition):
    """Agents in order, `rounds` times at most, until one of `until` holds; left out when `when` does not hold."""

    name: Name
    agents: tuple[Name, ...] = Field(min_length=1)
    rounds: int = Field(default=1, ge=1, le=50)
    until: tuple[Condition, ...] = ()
    when: Condition | None = None


class PhaseDefinition(_Definition):
    """A way of doing a run: chains in sequence or by condition, over agents that are declared once."""

    name: Name
    title: Words
    description: Words
    version: Literal[1] = 1
    requires: tuple[Requirement, ...] = ()
    retrieve: Retrieval | None = None
    memory: Literal["thread", "run"] = Field(
        default="thread", description="`thread`: agents see the turns before; `run`: only this question."
    )
    tools: tuple[str, ...] = Field(default=(), description="Tools by name; `*` for all that policy allows.")
    budget: BudgetLimits = BudgetLimits()
    agents: dict[Name, AgentDefinition] = Field(min_length=1, max_length=50)
    chains: tuple[ChainDefinition, ...] = Field(min_length=1, max_length=20)
