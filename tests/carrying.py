"""Knowledge bases carried from one workshop to another, in files that are as they should be or not."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from knowledge.config import ArchiveLimits
from knowledge.events import BuildEvent, BuildFinished
from knowledge.portable import export_base, open_import
from knowledge.storage.bases import KnowledgeBaseStore
from knowledge.types import KnowledgeBase
from tests.workshop import SCOPE, Workshop

LIMITS = ArchiveLimits()


def built(workshop: Workshop) -> KnowledgeBase:
    """A base of ten documents in two languages; two are alike and one cannot be read."""
    for number in range(6):
        text = f"# Note {number}\n\nService number {number} listens on port {8000 + number}.\n"
        workshop.write(f"notes/{number}.md", text)
    workshop.write("rollback.md", "# Rollback\n\nRun `argocd app rollback web` to roll back a deployment.\n")
    workshop.write("zh/回滚.md", "# 回滚\n\n执行 `kubectl rollout undo` 回滚部署。\n")
    workshop.write("same.md", "# Rollback\n\nRun `argocd app rollback web` to roll back a deployment.\n")
    workshop.write("broken.pdf", "%PDF-1.4 and no more")
    made = workshop.make_base()
    workshop.build(made)
    return made


def delete(workshop: Workshop, base: KnowledgeBase) -> None:
    with workshop.database.write() as connection:
        KnowledgeBaseStore(connection, SCOPE).mark_deleted(base.id)
    list(workshop.ingestor.delete_base(base.id))


def export(workshop: Workshop, base: KnowledgeBase, file: Path, **options: Any) -> None:
    list(export_base(workshop.database, workshop.blobs, SCOPE, base.name, file, **options))


def bring(workshop: Workshop, file: Path, name: str = "copy", limits: ArchiveLimits = LIMITS) -> KnowledgeBase:
    with open_import(file, limits) as found, workshop.blobs.hold() as holding:
        list(found.store(holding))
        with workshop.database.write() as connection:
            return found.make_base(connection, SCOPE, name, workshop.embedders, list(workshop.embedders))


def complete(workshop: Workshop, base: KnowledgeBase) -> tuple[BuildFinished, list[BuildEvent]]:
    """What the job of an import does."""
    events = list(workshop.ingestor.build(SCOPE, base.id, ()))
    assert isinstance(events[-1], BuildFinished)
    return events[-1], events


def names_of_bases(workshop: Workshop) -> list[str]:
    with workshop.database.read() as connection:
        return [base.name for base in KnowledgeBaseStore(connection, SCOPE).page()[0]]


def rewrite(file: Path, changes: dict[str, bytes | None]) -> Path:
    """The same zip with members changed, added, or (None) left out."""
    changed = file.with_name("changed.zip")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            if content is not None:
                new.writestr(name, content)
    return changed


def manifest_of(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        return dict(json.loads(archive.read("manifest.json")))


def documents_of(file: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(file) as archive:
        return [json.loads(line) for line in archive.read("documents.jsonl").splitlines()]
