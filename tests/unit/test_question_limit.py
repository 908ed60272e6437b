"""A question has one greatest length, whichever way it comes, and a refusal names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backend.cli import app
from backend.limits import LONGEST_QUESTION
from tests.api_client import URL, api_client, new_thread

LONG = "a" * (LONGEST_QUESTION + 1)


@pytest.mark.parametrize("command", [["ask"], ["search", "--kb", "docs"]])
def test_the_command_line_names_the_limit(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, LONG], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert "longer than 100,000 characters" in done.output


def test_rest_and_the_openai_protocol_name_the_limit(tmp_path: Path) -> None:
    with api_client(tmp_path) as client:
        chat: dict[str, Any] = {"model": "answer", "messages": [{"role": "user", "content": LONG}]}
        refused = [
            client.post(f"threads/{new_thread(client)}/runs", json={"input": LONG}),
            client.post("knowledge-bases/docs/search", json={"query": LONG}),
            client.post(f"{URL}/v1/chat/completions", json=chat),
        ]
    assert [each.status_code for each in refused] == [422, 422, 400]
    assert all("100000" in each.text.replace(",", "") for each in refused)
