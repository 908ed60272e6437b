"""Multipart bodies, read as they come: files go to the store block by block, however large and many they are.

A file that cannot be taken is noted by name and passed over; the others are taken. A body is counted whole, whatever it
holds, and nothing of it is kept in memory: fields that are not files mean nothing here and are passed over. Only a body
that is no multipart body at all, or holds too much or too many parts, is refused as a whole.
"""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from backend.errors import BodyTooLarge, Malformed, WrongMediaType
from backend.knowledge_bases.uploaded_file import UploadedFile
from backend.schemas import FileRefusal
from knowledge.errors import EmptyFile, FileTooLarge
from knowledge.storage.blobs import BlobWriter
from knowledge.text.storable import storable

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FEED_BYTES = 1024 * 1024
"""So much is gathered before a thread takes it to the disk."""

LONGEST_PATH = 1000
MAX_NAMED_REFUSALS = 1_000
"""So many files that were not taken are told by name."""

PARTS_BESIDES_FILES = 1_000
"""So many parts more than files are taken are read before the body is refused."""

ONE_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
"""How the API's description tells of a body of one file."""
BESIDES_ONE_FILE = 1024 * 1024
"""Bytes that such a body may have besides."""


@dataclass(kw_only=True, slots=True)
class Upload:
    """What a multipart body held."""

    files: list[UploadedFile] = field(default_factory=list)
    refused: list[FileRefusal] = field(default_factory=list)


async def read_upload(
    request: Request, open_file: Callable[[], BlobWriter], *, max_files: int, max_body_bytes: int
) -> Upload:
    """The files of the request's body; each is written with a writer of `open_file`.

    Raises WrongMediaType, Malformed, BodyTooLarge.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise WrongMediaType("Send the files as multipart/form-data.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > max_body_bytes:
        raise BodyTooLarge(f"The upload is larger than {max_body_bytes:,} bytes; send the files in several requests.")
    parts = _Parts(open_file, max_files)
    received = 0
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks())
        async for block in _blocks(request.stream()):
            received += len(block)
            if received > max_body_bytes:
                raise BodyTooLarge(f"The upload is larger than {max_body_bytes:,} bytes; send fewer files at once.")
            await anyio.to_thread.run_sync(parser.write, block)
        await anyio.to_thread.run_sync(parser.finalize)
    except FormParserError:
        raise Malformed("This is not a whole multipart body.") from None
    finally:
        parts.drop()
    if not parts.ended:
        raise Malformed("The multipart body broke off before its end.")
    return parts.upload


async def _blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    gathered = bytearray()
    async for chunk in stream:
        gathered += chunk
        if len(gathered) >= FEED_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


class _Parts:
    """Turns what the parser finds into an Upload. Called in one thread at a time."""

    def __init__(self, open_file: Callable[[], BlobWriter], max_files: int) -> None:
        self.upload = Upload()
        self.ended = False
        self._open_file = open_file
        self._max_files = max_files
        self._parts = 0
        self._files = 0
        self._paths: set[str] = set()
        self._name = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._sink: _FileSink | None = None

    def callbacks(self) -> MultipartCallbacks:
        """What MultipartParser calls."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._on_name,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def drop(self) -> None:
        """Forget a file that did not come to its end."""
        if self._sink is not None:
            self._sink.drop()
            self._sink = None

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        self._sink = None
        self._parts += 1
        if self._parts > self._max_files + PARTS_BESIDES_FILES:
            raise BodyTooLarge(f"More than {self._max_files:,} files in one request; send the rest in another.")
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        filename = options.get(b"filename")
        if filename is None:
            return  # a field: read over, block by block
        self._files += 1
        path, reason = checked_path(_text(filename))
        if self._files > self._max_files:
            reason = f"More than {self._max_files} files in one request; send the rest in another."
        elif not reason and path in self._paths:
            reason = "Another file of this request has the same path."
        if reason:
            if len(self.upload.refused) < MAX_NAMED_REFUSALS:
                self.upload.refused.append(FileRefusal(path=path, code="invalid_input", reason=reason))
            return
        self._paths.add(path)
        media_type = _text(self._headers.get(b"content-type", b""))[:200]
        self._sink = _FileSink(self.upload, path, media_type, self._open_file())

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(data[start:end])

    def _on_part_end(self) -> None:
        if self._sink is not None:
            self._sink.end()
            self._sink = None

    def _on_end(self) -> None:
        self.ended = True


class _FileSink:
    """Writes a file into the store; what goes wrong with it is noted and the rest of it passed over."""

    def __init__(self, upload: Upload, path: str, media_type: str, writer: BlobWriter) -> None:
        self._upload = upload
        self._path = path
        self._media_type = media_type
        self._writer: BlobWriter | None = writer
        self._empty = True

    def write(self, data: bytes) -> None:
        if self._writer is None:
            return
        self._empty = self._empty and not data
        try:
            self._writer.write(data)
        except FileTooLarge as error:
            self._refuse(error.code, str(error))
        except OSError as error:
            self._refuse("not_stored", f"The file could not be stored: {error.strerror}.")

    def end(self) -> None:
        if self._writer is None:
            return
        if self._empty:
            self._refuse(EmptyFile.code, "The file is empty.")
            return
        try:
            blob = self._writer.finish()
        except OSError as error:
            self._refuse("not_stored", f"The file could not be stored: {error.strerror}.")
            return
        self._upload.files.append(UploadedFile(path=self._path, media_type=self._media_type, blob=blob))
        self.drop()

    def drop(self) -> None:
        if self._writer is not None:
            self._writer.__exit__(None, None, None)
            self._writer = None

    def _refuse(self, code: str, reason: str) -> None:
        self._upload.refused.append(FileRefusal(path=self._path, code=code, reason=reason))
        self.drop()


def checked_path(name: str) -> tuple[str, str]:
    """A file's path below its source as it may be kept, and why it may not be taken (empty when it may).

    Folders of the name are kept, Windows' separators are taken as such; nothing may lead out of the source.
    """
    path = PurePosixPath(name.replace("\\", "/").strip())
    shown = str(path)[:LONGEST_PATH]
    parts = [part for part in path.parts if part not in ("/", ".")]
    if not parts or not name.strip():
        return shown or "(no name)", "The file has no name."
    if ".." in parts or parts[0].endswith(":"):
        return shown, "The name of the file leads out of its folder."
    if len(name) > LONGEST_PATH:
        return shown, f"The name of the file is longer than {LONGEST_PATH} characters."
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "".join(c if c.isprintable() else "\ufffd" for c in shown), "The name holds control characters."
    return "/".join(parts), ""


def _text(data: bytes) -> str:
    try:
        return storable(data.decode())
    except UnicodeDecodeError:
        return storable(data.decode("latin-1"))
