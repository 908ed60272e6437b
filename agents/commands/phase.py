"""Doing what a command says: the same calls, approvals, events and record as those of an agent, chosen by a person."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from agents.answering.phase import AnswerPhase
from agents.commands.catalogue import OPEN, OPENS, Command, Commands, usage_of
from agents.commands.grammar import (
    COMMAND,
    CommandError,
    Typed,
    allowed,
    is_command,
    kind_of,
    main_argument,
    read_arguments,
    read_command,
    read_value,
)
from agents.commands.help_text import help_text, tools_text
from agents.commands.opening import find_document
from agents.commands.rendering import Output, as_markdown, whole_passage
from agents.commands.wording import Wording, language_for
from agents.errors import BudgetSpent
from agents.events import ToolFinished
from agents.messages.parts import ToolCall
from agents.phases.catalogue import PhaseEntry
from agents.phases.context import RunContext
from agents.phases.definition import BudgetLimits, ChainDefinition, PhaseDefinition, ReactAgent, Words
from agents.phases.parts import PhaseParts
from agents.phases.phase import Description, Outcome, PhaseEvent, Requirement, Waiting
from agents.scheduler.approvals import Parked, Question, decided
from agents.scheduler.budget import Meter, limits_of
from agents.scheduler.ending import finish, stop
from agents.scheduler.evidence import EvidenceBook
from agents.scheduler.journal import Journal, Recorded
from agents.scheduler.performance import Performance
from agents.scheduler.speaking import Answer
from agents.scheduler.tool_calls import NOT_DECIDED, REJECTED, TurnTools
from agents.scheduler.turns import Turn
from agents.tools.ports import ToolSpec
from agents.tools.search import ToolSearch
from knowledge.types import Scope, Verdict

Modes = Callable[[Scope], Sequence[PhaseEntry]]

MOST_PROPOSED = 4
_ANY = Words(en="Command", zh="命令")
_DEFINITION = PhaseDefinition(
    name=COMMAND,
    title=_ANY,
    description=Words(en="Does what a slash command says.", zh="执行斜杠命令。"),
    tools=("*",),
    budget=BudgetLimits(),
    agents={COMMAND: ReactAgent(kind="react", speaks=True)},
    chains=(ChainDefinition(name=COMMAND, agents=(COMMAND,)),),
)


class CommandPhase:
    """Performs commands, and where a mode would have needed a model to choose tools, proposes some. Holds nothing of a
    run."""

    name = COMMAND
    description = Description(en=_DEFINITION.description.en, zh=_DEFINITION.description.zh)
    requires: frozenset[Requirement] = frozenset()

    def __init__(self, parts: PhaseParts, search: ToolSearch, modes: Modes) -> None:
        """`modes` are what `/help` tells of; they may read the database."""
        self._parts = parts
        self._search = search
        self._modes = modes
        self._answering = AnswerPhase.of(parts)
        self._executor = ThreadPoolExecutor(parts.search_threads, thread_name_prefix=COMMAND)

    def prepare(self) -> None:
        """Nothing has to be loaded."""

    async def stream(self, context: RunContext) -> AsyncGenerator[PhaseEvent, None]:
        """See Phase.stream."""
        events: asyncio.Queue[PhaseEvent | None] = asyncio.Queue()
        told: dict[str, ToolFinished] = {}

        def give(event: PhaseEvent) -> None:
            for each in event.events if isinstance(event, Recorded) else (event,):
                if isinstance(each, ToolFinished):
                    told[each.tool] = each
            events.put_nowait(event)

        doing = _Doing(work=self._begun(context, give), search=self._search, modes=self._modes, told=told)
        task = asyncio.create_task(_end(doing, events))
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            task.result()
        finally:
            task.cancel()
            await asyncio.wait((task,))

    def _begun(self, context: RunContext, give: Callable[[PhaseEvent], None]) -> Performance:
        meter = Meter(limits_of(_DEFINITION.budget, context.spec.budget), context.journal)
        evidence = EvidenceBook(context.journal)
        before = context.history[-1].text if context.history else ""
        return Performance(
            definition=_DEFINITION,
            context=context,
            parts=self._parts,
            emit=give,
            journal=Journal(context.journal, give, lambda: meter.worked),
            meter=meter,
            evidence=evidence,
            answer=Answer(give, evidence),
            answering=self._answering,
            executor=self._executor,
            language=context.spec.language or language_for(context.question, before),
            acts={},
        )


async def _end(doing: _Doing, events: asyncio.Queue[PhaseEvent | None]) -> None:
    end: Outcome | Waiting
    try:
        await doing.perform()
        end = await finish(doing.work)
    except Parked as parked:
        end = Waiting(asked={"approvals": [dict(each) for each in parked.asked]})
    except BudgetSpent as error:
        end = await stop(doing.work, error)
    events.put_nowait(end)


@dataclass(kw_only=True)
class _Doing:
    """One attempt at a command."""

    work: Performance
    search: ToolSearch
    modes: Modes
    told: Mapping[str, ToolFinished]
    """What calls came to, by tool, as it was told."""
    calls: int = 0

    def __post_init__(self) -> None:
        self.say = Wording(self.work.language)
        agent = _DEFINITION.agents[COMMAND]
        self.turn = Turn(work=self.work, name=COMMAND, agent=agent, path=COMMAND, speaks=True)
        box = self.work.context.toolbox
        self.specs = {} if box is None else {name: tool.spec for name, tool in box.tools.items()}
        self.commands = Commands(self.specs.values(), self.work.language)
        self.tools = TurnTools.of(self.turn, outputs_are_cited=False)

    async def perform(self) -> None:
        """Do what was typed, and say what came of it. Raises Parked."""
        question = self.work.context.question.strip()
        if not is_command(question):
            self._propose(question)
            return
        typed = read_command(question)
        command = self.commands.get(typed.name or "help")
        try:
            if command is None:
                self._tell(self._unknown(typed.name), "nothing")
            elif command.reason:
                self._tell(self.say("off", name=command.name, reason=command.reason), "nothing")
            else:
                await self._do(command, typed)
        except CommandError as error:
            usage = self.say("usage", usage=command.usage) if command is not None else ""
            self._tell(f"{error.in_words(self.say)}\n\n{usage}".strip(), "nothing")

    async def _do(self, command: Command, typed: Typed) -> None:
        if command.kind == "help":
            modes = await asyncio.to_thread(self.modes, self.work.context.spec.scope)
            self._tell(help_text(self.commands, modes, self.say, self._abilities()))
        elif command.kind == "tools":
            ranked = self.search.ranked(typed.rest, list(self.specs.values())) if typed.rest else None
            self._tell(tools_text(self.commands, ranked, self.say))
        elif command.kind == "open":
            await self._open(typed.rest)
        else:
            spec, rest = _member(command, typed.rest, self.say)
            await self._call(spec, rest)

    def _abilities(self) -> frozenset[Requirement]:
        """What there is of that which modes require."""
        context = self.work.context
        there: dict[Requirement, bool] = {"model": context.model is not None, "sandbox": context.code is not None}
        return frozenset(name for name, is_there in there.items() if is_there)

    async def _call(self, spec: ToolSpec, rest: str) -> None:
        read = read_arguments(spec.parameters, rest)
        values = dict(read.values)
        for name in read.missing:
            values[name] = await self._asked(spec, name)
        output = await self.made(spec.name, values)
        if output.failed:
            self._tell(self.say(output.status, reason=self._reason(output)), "nothing")
        else:
            words = str(values.get(main_argument(spec.parameters) or "") or "")
            self._tell(as_markdown(output, self.say, words))

    def _reason(self, output: Output) -> str:
        """Why a call came to nothing, in words of ours where a person decided, else in those of the tool."""
        if output.told is not None and self.say.language in output.told.words:
            return output.told.words[self.say.language]
        reason = output.text.partition(" was not called: ")[2] if output.status == "denied" else ""
        if reason == NOT_DECIDED:
            return self.say("not_decided")
        if reason.startswith(REJECTED):
            comment = reason.removeprefix(REJECTED)
            return self.say("rejected_why", why=comment[1:].strip()) if comment[:1] == ":" else self.say("rejected")
        return output.text

    async def _open(self, path: str) -> None:
        if not path:
            raise CommandError(self.say("missing", name="path", allowed=""))
        document_id, others = await find_document(self.made, path)
        if document_id is None and not others:
            self._tell(self.say("no_document", path=f"`{path[:200]}`"), "nothing")
        elif document_id is None:
            lines = "\n".join(f"- `/{OPEN} {each}`" for each in others)
            self._tell(f"{self.say('which_document')}\n\n{lines}", "closest")
        else:
            output = await self.made(OPENS, {"document_id": document_id})
            text = "\n\n".join(whole_passage(each) for each in output.found) or output.text
            self._tell(text, "answered" if output.found else "nothing")

    async def made(self, name: str, arguments: dict[str, Any]) -> Output:
        """What a call came to. Raises CommandError, and Parked when a person has to decide first."""
        if self.tools is None:
            raise CommandError(self.say("no_tools_at_all"))
        self.calls += 1
        known = {passage.number for passage in self.work.evidence.passages}
        call = ToolCall(id=COMMAND, name=name, arguments=json.dumps(arguments, ensure_ascii=False))
        result = await self.tools.make(call)
        found = tuple(passage for passage in self.work.evidence.passages if passage.number not in known)
        told = self.told.get(name)
        if told is not None:
            return Output(status=told.status, text=told.output, found=found, told=told)
        # An earlier attempt made the call: what it came to is recorded, what it showed was told then.
        entry = self.work.journal.find(f"{COMMAND}/tool.{self.calls}") or {}
        status = str(entry.get("status", "failed" if result.is_error else "succeeded"))
        return Output(status=status, text=str(entry.get("text", "")), found=found)

    async def _asked(self, spec: ToolSpec, name: str) -> Any:
        """An argument that was not given, asked for. Raises Parked, CommandError."""
        schema = (spec.parameters.get("properties") or {}).get(name)
        if not self.work.context.may_wait:
            raise CommandError(self.say("missing", name=name, allowed=allowed(spec.parameters, self.say)))
        about = schema.get("description") if isinstance(schema, dict) else ""
        asked = self.say("ask", name=f"{spec.name}: {name}", kind=kind_of(schema, self.say))
        options = schema.get("enum") if isinstance(schema, dict) else None
        question = Question(
            key=self.turn.key(f"argument.{name}"),
            reason=f"{asked} {about or ''}".strip(),
            fingerprint=hashlib.sha256(f"{spec.name}\0{name}".encode()).hexdigest(),
            parameters={"type": "string", "enum": [str(each) for each in options]} if options else {"type": "string"},
            risk="read",
            step_id=COMMAND,
        )
        work = self.work
        decision = await decided(work.journal, work.context.run_id, question, seconds=work.parts.approval_seconds)
        if decision.verdict != "approve" or not decision.comment.strip():
            raise CommandError(self.say("not_given", name=name))
        return read_value(name, decision.comment, spec.parameters)

    def _propose(self, question: str) -> None:
        """Commands to fill in for a question that only a model could choose tools for."""
        ranked = [spec for spec in self.search.ranked(question, list(self.specs.values())) if not spec.reason]
        lines = [
            f"- `{usage_of(spec.name, spec)}` {spec.titled(self.say.language)}".rstrip()
            for spec in ranked[:MOST_PROPOSED]
        ]
        said = f"{self.say('propose')}\n\n" + "\n".join(lines) if lines else self.say("propose_none")
        self._tell(said, "closest" if lines else "nothing")

    def _unknown(self, name: str) -> str:
        near = ", ".join(f"`/{each}`" for each in self.commands.near(name))
        hint = self.say("did_you_mean", names=near) if near else ""
        return " ".join(part for part in (self.say("unknown", name=_plain(name)), hint, self.say("see_help")) if part)

    def _tell(self, text: str, verdict: Verdict = "answered") -> None:
        writer = self.work.answer.writer()
        try:
            writer.feed(text)
        finally:
            writer.finish()
        self.work.spoken_as("extractive")
        self.work.verdict = verdict


def _member(command: Command, rest: str, say: Wording) -> tuple[ToolSpec, str]:
    """The tool that is meant, and what is left for its arguments. Raises CommandError."""
    word, _, after = rest.partition(" ")
    if word in command.members:
        return command.members[word], after.strip()
    if command.tool is not None:
        return command.tool, rest
    names = ", ".join(f"/{command.name} {each}" for each in sorted(command.members))
    raise CommandError(say("members", names=names))


def _plain(text: str) -> str:
    return text.replace("`", "")[:80]
