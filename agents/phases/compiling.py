"""From a definition to what performs it."""

from __future__ import annotations

from agents.answering.phase import AnswerPhase
from agents.phases.definition import AnswerAgent, PhaseDefinition
from agents.phases.parts import PhaseParts
from agents.phases.phase import Description, Phase


def compile_phase(definition: PhaseDefinition, parts: PhaseParts) -> Phase:
    """The phase that does what this definition says; nothing heavy is loaded before it is prepared or run."""
    if _is_plain_answer(definition):
        description = Description(en=definition.description.en, zh=definition.description.zh)
        return AnswerPhase.of(parts, name=definition.name, description=description)
    from agents.scheduler.phase import DeclaredPhase

    return DeclaredPhase.of(definition, parts)


def _is_plain_answer(definition: PhaseDefinition) -> bool:
    """Whether it is one agent that answers as it always does: nothing has to be performed around that."""
    agents = list(definition.agents.items())
    (name, agent), chain = agents[0], definition.chains[0]
    if len(agents) != 1 or not isinstance(agent, AnswerAgent):
        return False
    usual = AnswerAgent(kind="answer", title=agent.title, speaks=agent.speaks)
    alone = len(definition.chains) == 1 and chain.agents == (name,) and chain.rounds == 1 and chain.when is None
    as_usual = definition.model_fields_set <= {"name", "title", "description", "version", "agents", "chains"}
    return agent == usual and alone and as_usual
