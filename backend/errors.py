"""Errors of the backend, and the one place where an error gets an HTTP status (RFC 9457 problem details)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from agents.errors import AgentError
from backend.jobs.types import JobError
from knowledge.errors import KnowledgeError
from sandbox.errors import SandboxError

MEDIA_TYPE = "application/problem+json"


class BackendError(Exception):
    """Base of all: `code` is stable and machine-readable, `str(error)` is a sentence for the user."""

    code = "backend_error"


class SettingsInvalid(BackendError):
    code = "settings_invalid"


class Missing(BackendError):
    """The thing named does not exist, or the caller may not see it."""

    code = "not_found"


class Refused(BackendError):
    """A request this server does not take from where it comes."""

    code = "forbidden"


class PathRefused(BackendError):
    """A path of the server's machine that may not be read."""

    code = "path_refused"


class TokenRequired(BackendError):
    code = "token_required"


class TooManyAttempts(BackendError):
    """A client that gave wrong tokens is not told about another one for a while."""

    code = "too_many_attempts"


class Invalid(BackendError):
    """What was sent cannot be used; the message says what would be. `details` hold a stable `reason` and the `fields`
    of its sentence, where an interface has words of its own for it."""

    code = "invalid_input"

    def __init__(self, message: str, *, reason: str = "", **fields: str) -> None:
        super().__init__(message)
        self.details: Mapping[str, Any] = {"reason": reason, "fields": fields} if reason else {}


class BodyTooLarge(BackendError):
    code = "body_too_large"


class WrongMediaType(BackendError):
    code = "wrong_media_type"


class Malformed(BackendError):
    """A body that cannot be read at all."""

    code = "malformed_body"


class KeyReused(BackendError):
    """An Idempotency-Key that came with another request before."""

    code = "idempotency_key_reused"


class NameTaken(BackendError):
    code = "name_taken"


class VersionConflict(BackendError):
    """Something was changed since the caller read it."""

    code = "version_conflict"


class RunActive(BackendError):
    """The branch of the conversation is still being answered."""

    code = "run_active"


class NotWaiting(BackendError):
    """An answer to a run that waits for none."""

    code = "run_not_waiting"


class AlreadyDecided(BackendError):
    """A second, different decision on something that is decided once."""

    code = "already_decided"


class DecisionExpired(BackendError):
    """A decision that came too late."""

    code = "decision_expired"


class ReadOnly(BackendError):
    """A thing that comes from the settings is changed there."""

    code = "read_only"


class Busy(BackendError):
    """More at once than this process takes on."""

    code = "busy"


class NotReady(BackendError):
    code = "not_ready"


class KeyNeeded(BackendError):
    """A stored secret that was given for another place than the one it would be sent to; it has to be entered again."""

    code = "key_needed"


class SecretUnreadable(BackendError):
    """A stored secret that no key at hand opens; it has to be entered again."""

    code = "secret_unreadable"


class ApprovalRequired(BackendError):
    """A call that a person must approve first; `details` say of what, and under which id."""

    code = "approval_required"

    def __init__(self, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.details = details


class ApprovalGone(BackendError):
    """A decision about a call that was decided on before, or has waited too long."""

    code = "approval_gone"


class CommandsOff(BackendError):
    """A program on this host that whoever operates the server does not allow."""

    code = "commands_off"


class ToolDenied(BackendError):
    """A call that the policy refuses."""

    code = "tool_denied"


_STATUS: dict[str, int] = {
    "forbidden": 403,
    "path_refused": 403,
    "tool_denied": 403,
    "commands_off": 403,
    "tool_failed": 422,
    "approval_required": 409,
    "approval_gone": 409,
    "token_required": 401,
    "too_many_attempts": 429,
    "not_found": 404,
    "model_not_found": 404,
    "unknown_phase": 422,
    "phase_invalid": 422,
    "model_required": 422,
    "requirement_missing": 422,
    "cannot_wait": 422,
    "name_taken": 409,
    "version_conflict": 409,
    "run_active": 409,
    "run_not_waiting": 409,
    "already_decided": 409,
    "decision_expired": 409,
    "job_active": 409,
    "read_only": 409,
    "secret_unreadable": 409,
    "key_needed": 422,
    "idempotency_key_reused": 422,
    "invalid_input": 422,
    "toolset_invalid": 422,
    "unreadable_file": 422,
    "file_empty": 422,
    "file_without_text": 422,
    "file_encrypted": 422,
    "file_damaged": 422,
    "file_scanned": 422,
    "file_not_text": 422,
    "parser_crashed": 422,
    "unsafe_archive": 422,
    "not_written": 507,
    "fetch_refused": 422,
    "file_too_large": 413,
    "body_too_large": 413,
    "wrong_media_type": 415,
    "malformed_body": 400,
    "busy": 503,
    "sandbox_unavailable": 503,
    "sandbox_busy": 429,
    "session_busy": 409,
    "session_lost": 410,
    "unknown_language": 422,
    "network_refused": 422,
    "limit_exceeded": 422,
    "unsafe_path": 422,
    "quota_exceeded": 507,
    "not_ready": 503,
    "embedder_unavailable": 503,
    "model_unavailable": 502,
    "model_refused": 502,
}

NamedError = (BackendError, KnowledgeError, AgentError, JobError, SandboxError)
"""The errors whose message may be shown to the caller."""


def status_of(code: str) -> int:
    """The HTTP status of a named error; 400 for one not listed."""
    return _STATUS.get(code, 400)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    errors: Sequence[Mapping[str, Any]] = (),
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A problem detail object (RFC 9457) with our `code` and, for a refused body, its `errors`. `details` are members
    of its own that an error has besides."""
    return {
        **(details or {}),
        "type": f"urn:devops-chatbot:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": instance,
        "errors": list(errors),
    }
