"""Errors of the agents floor. Each has a stable code and says what the reader can do."""

from __future__ import annotations

from collections.abc import Mapping


class AgentError(Exception):
    """Base of all: `code` is stable and machine-readable, `str(error)` is a sentence for the user."""

    code = "agent_error"


class ModelUnavailable(AgentError):
    """The model's endpoint cannot be reached, timed out or broke off."""

    code = "model_unavailable"


class ModelRefused(AgentError):
    """The model's endpoint answered with an error (wrong key, unknown model, too long)."""

    code = "model_refused"


class AnswerTooLong(AgentError):
    """The model goes on and on; what it wrote up to then is kept."""

    code = "answer_too_long"


class UnknownPhase(AgentError):
    code = "unknown_phase"


class ModelRequired(AgentError):
    """A phase that needs a language model was asked without one."""

    code = "model_required"


class RequirementMissing(AgentError):
    """A phase needs something that is not here: a sandbox, repositories, a search of the web."""

    code = "requirement_missing"


class CannotWait(AgentError):
    """A phase needs an answer in the middle of its work, and is asked from where none can come."""

    code = "cannot_wait"


class ToolFailed(AgentError):
    """A call came to nothing; the text says what was sent, what was wrong and what is allowed."""

    code = "tool_failed"


class CallRefused(ToolFailed):
    """The tool itself does not do what it was asked, and has done nothing. `reason_code` is a stable word for why, and
    `words` the sentence by language, where there are any."""

    def __init__(self, message: str, *, reason_code: str = "", words: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason_code = reason_code
        self.words: Mapping[str, str] = words or {}


class NoSuchTool(ToolFailed):
    """There is no tool of this name among those that may be called."""


class BudgetSpent(AgentError):
    """A run has used what it may of `limit`, a field of Budget, or went in circles (`loop`); what it has made up to
    then is kept."""

    code = "budget_exceeded"

    def __init__(self, message: str, *, limit: str, used: float, allowed: float) -> None:
        super().__init__(message)
        self.limit = limit
        self.used = used
        self.allowed = allowed


class OutputInvalid(AgentError):
    """A model was asked twice for an answer of a certain shape and gave none."""

    code = "output_invalid"


class AttemptLost(AgentError):
    """What an attempt did can no longer be stored, because another process has taken its run over."""

    code = "attempt_lost"


class ToolsetInvalid(AgentError):
    """A toolset, a document or a server that no tools can be made of; the text says where and why."""

    code = "toolset_invalid"
