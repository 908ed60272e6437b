"""Requests that nobody would write, made from the OpenAPI document: no accident, and no answer it does not declare."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
import schemathesis.specs.openapi.schemas  # not in a test: what is collected meanwhile is told by reading code, too
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api_client import serving

EXAMPLES = int(os.environ.get("CHATBOT_TEST_FUZZ_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("fuzz"), api={"max_body_bytes": 200_000}) as url:
        yield url


@pytest.fixture(scope="module")
def things(server: str) -> dict[str, dict[str, str]]:
    """Something real for every path that is about something: guesses alone would only ever meet 404."""
    with httpx2.Client(base_url=f"{server}/api/v1/") as client:

        def made(path: str, **options: Any) -> dict[str, Any]:
            answer: dict[str, Any] = client.post(path, **options).raise_for_status().json()
            return answer

        thread = made("threads", json={})["id"]
        run = made(f"threads/{thread}/runs", json={"input": "How?"})
        client.get(f"runs/{run['id']}/events")
        base = made("knowledge-bases", json={"name": "docs"})["id"]
        uploaded = made(f"knowledge-bases/{base}/documents", files={"files": ("a.md", b"# A")})
        document = client.get(f"knowledge-bases/{base}/documents").json()["items"][0]["id"]
        text = "name: mine\ntitle: {en: a, zh: b}\ndescription: {en: a, zh: b}\nagents:\n  a: {kind: answer}\n"
        phase = made("phases", json={"text": text + "chains: [{name: c, agents: [a]}]\n"})["name"]
        model = made("models", json={"name": "m", "model": "m", "base_url": "http://127.0.0.1:1/v1"})["id"]
    return {
        "/api/v1/threads/": {"id": thread},
        "/api/v1/runs/": {"id": run["id"]},
        "/api/v1/messages/": {"id": run["message_id"]},
        "/api/v1/jobs/{id}/events": {},
        "/api/v1/jobs/": {"id": uploaded["job"]["id"]},
        "/api/v1/models/": {"id": model},
        "/api/v1/phases/{name}": {"name": phase},
        "/api/v1/knowledge-bases/{kb}/documents/": {"kb": base, "id": document},
        "/api/v1/knowledge-bases/{kb}/sources/": {"kb": base, "id": uploaded["source_id"]},
        "/api/v1/knowledge-bases/{kb}": {"kb": base},
    }


def test_nothing_breaks_and_nothing_undeclared_is_answered(server: str, things: dict[str, dict[str, str]]) -> None:
    document = schemathesis.openapi.from_url(f"{server}/api/v1/openapi.json")
    broken: list[str] = []
    for found in document.get_all_operations():
        operation = found.ok()
        try:
            _fuzz(operation, things)
        except (AssertionError, FailureGroup) as error:
            broken.append(f"{operation.label}: {error}")
    assert not broken, "\n\n".join(broken)


def _fuzz(operation: Any, things: dict[str, dict[str, str]]) -> None:
    turns = itertools.count()
    real = next((ids for start, ids in things.items() if operation.path.startswith(start)), {})

    @seed(20261124)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: schemathesis.Case) -> None:
        if case.path_parameters and operation.method.upper() != "DELETE" and next(turns) % 3:
            case.path_parameters.update(real)
        answer = case.call(timeout=30)
        # Without an engine no session opens; that is no accident of the server, but what it has to say.
        said = b'"sandbox_unavailable"' in answer.content
        checks = [each for each in CHECKS if not (said and each is not_a_server_error)]
        case.validate_response(answer, checks=checks)

    check()
