"""Making a knowledge base of an export. Everything is read and checked, and every file stored, before there is a base;
the base then begins in one transaction, with all its documents, and is built like any other."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import IO, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from knowledge.config import ArchiveLimits
from knowledge.errors import FileTooLarge, InvalidInput, NameTaken, NotFound, NotWritten, UnreadableFile, UnsafeArchive
from knowledge.events import StageProgress
from knowledge.portable.format import (
    DOCUMENTS,
    FILES,
    FORMAT,
    LONGEST_LINE,
    LONGEST_MANIFEST,
    MANIFEST,
    VERSION,
    ExportedDocument,
    ExportedVectors,
    Manifest,
    portable_options,
    vector_record,
)
from knowledge.ports import Embedder
from knowledge.sources.zip_archive import BROKEN_ZIP, checked_members
from knowledge.storage.bases import (
    ImportedVectors,
    KnowledgeBaseStore,
    PendingImport,
    SourceStore,
    pending_import,
    set_pending_import,
)
from knowledge.storage.blobs import BLOCK_BYTES, Blob, Holding
from knowledge.storage.replacement import DocumentWriter, ReceivedFile
from knowledge.types import UPLOAD, KnowledgeBase, Scope

_WRITTEN_AT_ONCE = 500
_ANYWHERE = frozenset({UPLOAD, "web"})
"""Kinds of sources whose location means the same on every machine, or nothing at all."""

_STORED_FILE = re.compile(rf"^{FILES}([0-9a-f]{{64}})$")

Part = TypeVar("Part", bound=BaseModel)


@contextmanager
def open_import(file: Path, limits: ArchiveLimits, *, name: str = "") -> Iterator[Import]:
    """An export, open while the block lasts; `name` is what its file is called in errors, if not as it is.

    Raises UnreadableFile when it is none, damaged, or of a later version, and UnsafeArchive when it is beyond the
    limits.
    """
    if not file.is_file():
        raise InvalidInput(f"There is no file {file}.")
    try:
        members = {member.filename: member for member in checked_members(file, limits)}
    except (UnreadableFile, UnsafeArchive) as error:
        said = str(error).replace(file.name, name or file.name)
        again = "" if isinstance(error, UnsafeArchive) else " Copy it again, or export the knowledge base again."
        raise type(error)(f"{said}{again}") from error
    if MANIFEST not in members or DOCUMENTS not in members:
        raise UnreadableFile(
            f"{name or file.name} is no export of a knowledge base. To make one of the files in it: add it as a "
            "document, or devops-chatbot kb build NAME FILE."
        )
    with zipfile.ZipFile(file) as archive:
        yield Import(name or file.name, archive, members, limits)


class Import:
    """An export that is about to become a knowledge base: `store` it, then `make_base` in a transaction."""

    def __init__(
        self, name: str, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], limits: ArchiveLimits
    ) -> None:
        self._name = name
        self._archive = archive
        self._members = members
        self._limits = limits
        self._files: dict[str, Blob] = {}
        self.manifest = self._manifest()

    def store(self, holding: Holding) -> Generator[StageProgress, None, None]:
        """Put every file and all vectors into the store, and check that the documents are whole; what is there already
        is not written again. Raises UnreadableFile, UnsafeArchive, NotWritten."""
        hashes = {match[1]: name for name in self._members if (match := _STORED_FILE.match(name))}
        parts = [part for each in self.manifest.vectors for part in each.parts]
        self._check_members({MANIFEST, DOCUMENTS, *hashes.values(), *parts})
        todo = [*((name, content_hash) for content_hash, name in hashes.items()), *((part, "") for part in parts)]
        for done, (name, content_hash) in enumerate(todo):
            now = StageProgress(stage="received", done=done, total=len(todo))
            yield now
            if content_hash and holding.claim(content_hash):
                self._files[name] = Blob(content_hash=content_hash, size=self._members[name].file_size)
            else:
                self._files[name] = yield from self._stored(name, content_hash, holding, now)
        yield StageProgress(stage="received", done=len(todo), total=len(todo))
        self._check_vectors()
        self._check_documents()

    def begun(self, connection: Connection, scope: Scope, name: str) -> KnowledgeBase | None:
        """The base of this name if it is this very import, begun and not yet at its end. Raises NameTaken when it is
        another base."""
        try:
            base = KnowledgeBaseStore(connection, scope).get(name)
        except NotFound:
            return None
        known = pending_import(connection, base.id)
        if base.name == name.strip() and known is not None and known.export_id == self.manifest.id:
            return base
        raise NameTaken(
            f"There is a knowledge base named {name.strip()!r} already. Import under another name with --name, or "
            f"delete it first: devops-chatbot kb delete {name.strip()!r}."
        )

    def make_base(
        self, connection: Connection, scope: Scope, name: str, embedders: Mapping[str, Embedder], chosen: Sequence[str]
    ) -> KnowledgeBase:
        """The new base, in the transaction of `connection`: all its sources and documents, waiting to be built, with
        the `chosen` of the `embedders`. Raises NameTaken, InvalidInput."""
        base = KnowledgeBaseStore(connection, scope).create(
            name, description=self.manifest.description, embedders=chosen
        )
        set_pending_import(connection, base.id, self._pending_import())
        sources = SourceStore(connection, base)
        ids = []
        for each in self.manifest.sources:
            source = sources.add(each.kind, each.location, portable_options(each.options))
            if each.kind not in _ANYWHERE:
                sources.mark_elsewhere(source.id)
            ids.append(source.id)
        writer = DocumentWriter(connection, base.id, embedders)
        documents = self._documents()
        while portion := list(islice(documents, _WRITTEN_AT_ONCE)):
            for source, group in groupby(portion, key=lambda document: document.source):
                self._write(writer, ids[source], list(group))
        return base

    def _write(self, writer: DocumentWriter, source_id: str, documents: Sequence[ExportedDocument]) -> None:
        received = [
            ReceivedFile(
                path=each.path,
                content_hash=each.content_hash,
                size=self._files[f"{FILES}{each.content_hash}"].size,
                url=each.url,
                media_type=each.media_type,
                modified_ns=each.modified_ns,
            )
            for each in documents
            if each.content_hash
        ]
        writer.receive(source_id, received, version="")
        for each in documents:
            if not each.content_hash:
                writer.note_unavailable(source_id, each.path, each.error_code, each.error, url=each.url)

    def _pending_import(self) -> PendingImport:
        return PendingImport(
            export_id=self.manifest.id,
            vectors=tuple(
                ImportedVectors(
                    embedder=each.embedder,
                    dimension=each.dimension,
                    files=tuple(self._files[part].content_hash for part in each.parts),
                )
                for each in self.manifest.vectors
            ),
        )

    def _manifest(self) -> Manifest:
        with self._reading(MANIFEST) as source:
            text = source.read(LONGEST_MANIFEST + 1)
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            raise self._damaged("its manifest is no JSON") from None
        version = said.get("version") if isinstance(said, dict) and said.get("format") == FORMAT else None
        if isinstance(version, int) and version > VERSION:
            raise UnreadableFile(
                f"{self._name} was exported by a later version of this program (format {version}; this one reads "
                f"{VERSION}). Install that version here, or export it again with this one."
            )
        return self._parsed(Manifest, text, MANIFEST)

    def _documents(self) -> Iterator[ExportedDocument]:
        with self._reading(DOCUMENTS) as source:
            while line := source.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    raise self._damaged("a line of its documents is too long")
                yield self._parsed(ExportedDocument, line, DOCUMENTS)

    def _check_members(self, wanted: set[str]) -> None:
        if missing := sorted(wanted - set(self._members)):
            raise self._damaged(f"{missing[0]} is missing")
        if strange := sorted(set(self._members) - wanted):
            raise UnsafeArchive(f"{self._name} holds {strange[0][:100]!r}, which no export has; nothing was imported.")

    def _check_vectors(self) -> None:
        for each in self.manifest.vectors:
            size = sum(self._files[part].size for part in each.parts)
            if size != each.count * vector_record(each.dimension).itemsize or not _is_whole(each, self._files):
                raise self._damaged(f"the vectors of {each.embedder} are not whole")

    def _check_documents(self) -> None:
        count = 0
        for count, document in enumerate(self._documents(), start=1):
            if count > self._limits.max_members:
                raise UnsafeArchive(
                    f"{self._name} holds more than {self._limits.max_members:,} documents. If you trust it, raise the "
                    "limit max_members of archives in the settings."
                )
            if document.source >= len(self.manifest.sources):
                raise self._damaged(f"the source of {document.path} is missing")
            if document.content_hash and f"{FILES}{document.content_hash}" not in self._files:
                raise self._damaged(f"the file of {document.path} is missing")
            if not document.content_hash and document.status != "failed":
                raise self._damaged(f"{document.path} has no file")
            if _leaves(document.path):
                raise UnsafeArchive(f"{self._name} names a document {document.path[:100]!r}, which leaves its folder.")
        if count != self.manifest.document_count:
            raise self._damaged(f"it has {count} of {self.manifest.document_count} documents")

    def _stored(
        self, name: str, content_hash: str, holding: Holding, now: StageProgress
    ) -> Generator[StageProgress, None, Blob]:
        """Store one member block by block, with a sign of life after each."""
        try:
            with self._reading(name) as source, holding.writer(max_bytes=self._members[name].file_size) as writer:
                while block := source.read(BLOCK_BYTES):
                    with _writing():
                        writer.write(block)
                    yield now
                with _writing():
                    blob = writer.finish()
        except FileTooLarge:
            raise UnsafeArchive(f"{name} in {self._name} is larger than the archive says.") from None
        if content_hash and blob.content_hash != content_hash:
            raise self._damaged(f"{name} is not what it was")
        return blob

    @contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._archive.open(self._members[name]) as source:
                yield source
        except BROKEN_ZIP as error:
            raise self._damaged(f"{name} cannot be unpacked") from error

    def _parsed(self, part: type[Part], text: bytes, name: str) -> Part:
        try:
            return part.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise self._damaged(f"{name} is not as it should be ({where}: {first['msg']})") from None

    def _damaged(self, how: str) -> UnreadableFile:
        return UnreadableFile(
            f"{self._name} is damaged: {how}. Nothing was imported; copy it again, or export the knowledge base again."
        )


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NotWritten(f"The files of the import could not be stored: {error.strerror or error}.") from error


def _is_whole(vectors: ExportedVectors, files: Mapping[str, Blob]) -> bool:
    """Whether no record is torn."""
    return all(files[part].size % vector_record(vectors.dimension).itemsize == 0 for part in vectors.parts)


def _leaves(path: str) -> bool:
    """Whether a path is none below a source. Nothing is ever written there, but no export of ours holds one."""
    return path.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", path) or "\x00" in path
