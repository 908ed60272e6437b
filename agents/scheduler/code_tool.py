"""Running code as a tool: in the sandbox of the run's conversation, whose variables and files stay between calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.ports import CodeResult, CodeRunner
from agents.tools.ports import ToolContext, ToolOutput, ToolSpec

NAME = "run_code"
TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeTool:
    """The tool `run_code` over a sandbox."""

    runner: CodeRunner

    @property
    def spec(self) -> ToolSpec:
        languages = list(self.runner.languages)
        return ToolSpec(
            name=NAME,
            description=(
                "Runs code in a sandbox without network and returns what it printed, the value of its last expression "
                "and the files it made. Variables and files stay for the next call."
            ),
            parameters={
                "type": "object",
                "properties": {
                    "code": {"type": "string", "minLength": 1},
                    "language": {"type": "string", "enum": languages, "default": languages[0] if languages else ""},
                },
                "required": ["code"],
                "additionalProperties": False,
            },
            risk="read",
            title="Run code",
            timeout_s=TIMEOUT_S + 10,
            reason="" if languages else "there is no sandbox.",
        )

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Run the code in the session of the conversation. Raises AgentError when no sandbox can be had."""
        result = await self.runner.run(
            context.scope,
            context.thread_id or context.run_id,
            arguments["code"],
            language=arguments.get("language") or self.runner.languages[0],
            timeout_s=TIMEOUT_S,
        )
        return ToolOutput(text=_text(result), summary=_summary(result), view="log", data=None)


def _text(result: CodeResult) -> str:
    parts = [f"status: {result.status}" + (f", exit code {result.exit_code}" if result.exit_code else "")]
    for name in ("stdout", "stderr", "result"):
        if said := getattr(result, name):
            parts.append(f"{name}:\n{said}")
    if result.files:
        parts.append("files: " + ", ".join(f"{each.path} ({each.size} bytes)" for each in result.files))
    return "\n".join(parts)


def _summary(result: CodeResult) -> str:
    files = f", {len(result.files)} files" if result.files else ""
    return f"{result.status}{files}"
