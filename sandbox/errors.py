"""Errors of the sandbox floor. Each has a stable code and says what the reader can do."""

from __future__ import annotations


class SandboxError(Exception):
    """Base of all: `code` is stable and machine-readable, `str(error)` is a sentence for the user."""

    code = "sandbox_error"


class SandboxUnavailable(SandboxError):
    """No adapter works here; the message says what to install."""

    code = "sandbox_unavailable"


class SandboxBusy(SandboxError):
    """More sessions or runs at once than the limits allow."""

    code = "sandbox_busy"


class SessionMissing(SandboxError):
    """No such session, or not the caller's."""

    code = "not_found"


class SessionBusy(SandboxError):
    """The session runs something already."""

    code = "session_busy"


class SessionLost(SandboxError):
    """The session's container or jail is gone."""

    code = "session_lost"


class UnknownLanguage(SandboxError):
    code = "unknown_language"


class NetworkRefused(SandboxError):
    """A network mode that this installation does not offer."""

    code = "network_refused"


class LimitExceeded(SandboxError):
    """More asked for than the limits allow."""

    code = "limit_exceeded"


class UnsafePath(SandboxError):
    """A path that does not name a regular file inside the session's folder."""

    code = "unsafe_path"


class FileMissing(SandboxError):
    code = "not_found"


class QuotaExceeded(SandboxError):
    """No room left in the session's folder."""

    code = "quota_exceeded"


class BuildFailed(SandboxError):
    """The image could not be built; the message is the last the tools said."""

    code = "image_build_failed"
