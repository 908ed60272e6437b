"""The JSON Schema of phases, as it is published."""

from __future__ import annotations

from typing import Any

from agents.phases.definition import PhaseDefinition

SCHEMA_ID = "urn:devops-chatbot:schema:phase"


def phase_schema() -> dict[str, Any]:
    """The shape that a phase's YAML must have (JSON Schema 2020-12)."""
    made = PhaseDefinition.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **made}
