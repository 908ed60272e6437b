"""Looks over one installation: what is there, what is missing, what to type about it. One module for each group."""

from __future__ import annotations

from backend.operations.doctor.access import access, ports
from backend.operations.doctor.contents import contents
from backend.operations.doctor.database import database
from backend.operations.doctor.endings import endings
from backend.operations.doctor.engines import language_model, neo4j, sandbox
from backend.operations.doctor.findings import Finding, render, render_json
from backend.operations.doctor.machine import data_folder, processor, python, sqlite
from backend.settings import Settings

__all__ = ["Finding", "examine", "render", "render_json"]


def examine(settings: Settings, *, quick: bool = False) -> list[Finding]:
    """Everything there is to say, in the order it matters. `quick`: without loading embedders and reading chunks."""
    return [
        python(),
        sqlite(),
        data_folder(settings),
        *database(settings),
        access(settings),
        *ports(settings),
        *endings(settings),
        *([] if quick else contents(settings)),
        processor(),
        language_model(settings),
        sandbox(settings),
        neo4j(settings),
    ]
