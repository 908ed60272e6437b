"""Programs that toolsets run: only what the operator allowed, without a shell, and bounded."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from agents.errors import ToolFailed, ToolsetInvalid
from agents.tools.commands.allowed import AllowedCommands, check_entry
from agents.tools.commands.tool import CommandTool
from agents.tools.ports import ToolContext, ToolOutput
from agents.tools.yaml.compiled import compiled
from agents.tools.yaml.http_tool import spec_of
from agents.tools.yaml.loading import load_toolset, local_toolsets
from backend.errors import SettingsInvalid
from backend.settings import load_settings
from knowledge.types import Scope

CONTEXT = ToolContext(call_id="c", scope=Scope(workspace_id="w" * 32, user_id="u" * 32))
PARAMETERS = "{text: {pattern: '[a-z;$() -]{1,40}'}, n: {type: integer, required: false}}"
ARGUMENTS = "['--n={{ n }}', 'x {{ text }}', '{{ text }}']"
SHOWN = f"command: {{program: show, arguments: {ARGUMENTS}}}, parameters: {PARAMETERS}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program that shows what it was given, and what it does not know."""
    program(
        tmp_path,
        "show",
        'for each in "$@"; do echo "[$each]"; done; echo "env: $(env | cut -d= -f1 | sort | tr "\\n" " ")"; pwd',
    )
    program(tmp_path, "flood", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")
    program(tmp_path, "wait", "sleep 60 & sleep 60")
    program(tmp_path, "fail", "echo because >&2; exit 7")
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def tool(folder: Path, definition: str, *entries: str, timeout_s: float = 5.0) -> CommandTool:
    text = f"name: a\ntools: [{{name: b, description: c, timeout_s: {timeout_s}, {definition}}}]"
    made = compiled(load_toolset(text).tools[0])
    commands = AllowedCommands(entries=entries, path=f"{folder}:/usr/bin:/bin")
    assert made.definition.command is not None
    reason = commands.reason_against(made.definition.command)
    return CommandTool(spec=spec_of(made, source="a", connections={}, reason=reason), tool=made, commands=commands)


def call(made: CommandTool, **arguments: object) -> ToolOutput:
    return asyncio.run(made.call(arguments, CONTEXT))


def test_a_value_is_one_argument_and_no_option(folder: Path) -> None:
    made = tool(folder, SHOWN, "show")
    assert (made.spec.reason, made.spec.risk) == ("", "read")
    os.environ["CHATBOT_TEST_CANARY"] = "canary"
    try:
        output = call(made, text="a; $(b)").text
    finally:
        del os.environ["CHATBOT_TEST_CANARY"]
    assert output.startswith("$ show 'x a; $(b)' 'a; $(b)'\n[x a; $(b)]\n[a; $(b)]\n")
    assert "canary" not in output.lower()
    assert "PATH" in output
    assert output.endswith("\n/\n")
    assert "[--n=3]" in call(made, text="a", n=3).text
    for wrong in ("-rf", "A", "a\nb", "", "a" * 41):
        with pytest.raises(ToolFailed):
            call(made, text=wrong)


def test_output_time_and_failure_are_told(folder: Path) -> None:
    flood = call(tool(folder, "command: {program: flood}", "flood"))
    assert "cut after 1,000,000 bytes" in flood.text
    begun = time.monotonic()
    with pytest.raises(ToolFailed, match=r"wait was ended after 0\.5 s"):
        call(tool(folder, "command: {program: wait}", "wait", timeout_s=0.5))
    assert time.monotonic() - begun < 5
    with pytest.raises(ToolFailed, match=r"fail ended with 7\. because"):
        call(tool(folder, "command: {program: fail}", "fail"))


def test_nothing_runs_that_the_operator_did_not_list(folder: Path) -> None:
    status = "command: {program: show, arguments: [status, '{{ n }}']}, parameters: {n: {type: integer}}"
    for entries, reason in (
        ((), "Running programs is off"),
        (("show stop", "showx"), "has not allowed `show status"),
        (("show status 1",), "has not allowed"),
        (("show status",), ""),
        (("show",), ""),
    ):
        made = tool(folder, status, *entries)
        assert reason in made.spec.reason
        assert bool(made.spec.reason) == bool(reason)
        if reason:
            with pytest.raises(ToolFailed, match="CHATBOT_TOOLS__READ_COMMANDS"):
                call(made, n=1)
    assert "no program nowhere" in tool(folder, "command: {program: nowhere}", "nowhere").spec.reason


def test_what_must_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (
        "command: {program: /bin/df}",
        "command: {program: df, arguments: ['{{ path }}']}",
        "command: {program: df, arguments: ['{{ path }}']}, parameters: {path: {type: array}}",
        "command: {program: df, arguments: ['{{ path }}']}, parameters: {path: {pattern: '(a+)+'}}",
        "command: {program: df, arguments: ['${secret}']}",
        "command: {program: df}, risk: write",
    ):
        with pytest.raises(ToolsetInvalid):
            load_toolset(f"name: a\ntools: [{{name: b, description: c, {wrong}}}]")
    for entry in ("sh", "bash -c", "python3.11", "find", "/bin/df", "", "xargs df", "git"):
        with pytest.raises(ToolsetInvalid):
            check_entry(entry)
    assert check_entry(" git   log ") == "git log"
    monkeypatch.setenv("CHATBOT_TOOLS__READ_COMMANDS", "df, systemctl status")
    assert load_settings().tools.read_commands == ("df", "systemctl status")
    monkeypatch.setenv("CHATBOT_TOOLS__READ_COMMANDS", "df, sh")
    with pytest.raises(SettingsInvalid, match="runs other programs"):
        load_settings()


def test_those_that_ship_name_programs_of_this_machine() -> None:
    (host,) = local_toolsets()
    commands = AllowedCommands(entries=("uptime", "df", "free", "ps"))
    for each in host.tools:
        assert each.command is not None
        if not commands.reason_against(each.command):
            made = compiled(each)
            run = CommandTool(spec=spec_of(made, source="host", connections={}), tool=made, commands=commands)
            assert call(run).text
