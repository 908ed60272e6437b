"""Errors of the knowledge floor. Each has a stable code and says what the reader can do."""

from __future__ import annotations


class KnowledgeError(Exception):
    """Base of all: `code` is stable and machine-readable, `str(error)` is a sentence for the user."""

    code = "knowledge_error"


class NotFound(KnowledgeError):
    """The thing named does not exist, or the caller may not see it."""

    code = "not_found"


class NameTaken(KnowledgeError):
    code = "name_taken"


class InvalidInput(KnowledgeError):
    """What was given cannot be used; the message says what would be."""

    code = "invalid_input"


class UnreadableFile(KnowledgeError):
    """A file cannot be turned into text; the errors below say why where that is one of the usual reasons."""

    code = "unreadable_file"


class EmptyFile(UnreadableFile):
    """A file without content."""

    code = "file_empty"


class WithoutText(UnreadableFile):
    """A file that is read, and in which no text is."""

    code = "file_without_text"


class EncryptedFile(UnreadableFile):
    """A file that opens only with a password, or by the rights of its publisher."""

    code = "file_encrypted"


class DamagedFile(UnreadableFile):
    """A file that is not what its name says it is, or no longer."""

    code = "file_damaged"


class ScannedFile(UnreadableFile):
    """Pages that are pictures, without the text that recognition would add."""

    code = "file_scanned"


class NotText(UnreadableFile):
    """A file of a kind from which no text is read."""

    code = "file_not_text"


class FileTooLarge(UnreadableFile):
    code = "file_too_large"


class ParserCrashed(UnreadableFile):
    """A file whose parser ended without an answer: by a mistake in it, or because the system ended it."""

    code = "parser_crashed"


class FileTooSlow(UnreadableFile):
    """A file that was given up after the time that reading one may take."""

    code = "file_too_slow"


class UnsafeArchive(KnowledgeError):
    """An archive that would escape its folder or unpack to far more than it is."""

    code = "unsafe_archive"


class SourceUnavailable(KnowledgeError):
    """A source, or a part of one, that cannot be listed now; what was read of it before stays."""

    code = "source_unavailable"


class IndexDamaged(KnowledgeError):
    """An index whose files are not what they should be; it is built again from the database."""

    code = "index_damaged"


class NotWritten(KnowledgeError):
    """A file that could not be written: no room, no permission, or a part of it that is gone."""

    code = "not_written"


class FetchRefused(KnowledgeError):
    """A URL that may not or could not be fetched: private address, wrong scheme, too large, too slow, an HTTP error."""

    code = "fetch_refused"


class EmbedderUnavailable(KnowledgeError):
    code = "embedder_unavailable"
