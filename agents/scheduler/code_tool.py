"""Running code as a tool: in the sandbox of the run's conversation, whose variables and files stay between calls."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from agents.errors import AgentError
from agents.ports import CodeFile, CodeResult, CodeRunner
from agents.tools.ports import OutputKeeper, ToolContext, ToolOutput, ToolSpec

NAME = "run_code"
TIMEOUT_S = 60.0
MOST_FILES = 20
LARGEST_FILE = 16_000_000
"""Files of a call that are kept, and bytes of one of them."""
MOST_PICTURES = 3
LARGEST_PICTURE = 200_000
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeTool:
    """The tool `run_code` over a sandbox."""

    runner: CodeRunner
    keeper: OutputKeeper | None = None
    """Keeps the files that code makes; without it they stay in the sandbox."""

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
            title_zh="运行代码",
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
        files = [await self._kept(each, context) for each in result.files[:MOST_FILES]]
        pictures = [each.pop("picture") for each in files if "picture" in each][:MOST_PICTURES]
        return ToolOutput(
            text=_text(result),
            summary=_summary(result),
            view="image" if pictures else "log",
            data={"files": files, "images": pictures},
            artifacts=tuple(each["artifact_id"] for each in files if each["artifact_id"]),
        )

    async def _kept(self, file: CodeFile, context: ToolContext) -> dict[str, Any]:
        """What people are told of a file: where it can be had, and what it shows if it is a small picture."""
        told: dict[str, Any] = {
            "path": file.path, "media_type": file.media_type, "size": file.size, "artifact_id": ""
        }  # fmt: skip
        if self.keeper is None or file.size > LARGEST_FILE:
            return told
        try:
            session = context.thread_id or context.run_id
            content = await self.runner.read_file(context.scope, session, file.path)
        except AgentError:
            return told  # gone again, or grown too large: the run itself has gone well
        name = PurePosixPath(file.path).name
        told["artifact_id"] = await self.keeper.keep_file(
            content, name=name, media_type=file.media_type, context=context
        )
        if file.media_type in _PICTURES and len(content) <= LARGEST_PICTURE:
            told["picture"] = base64.b64encode(content).decode()
        return told


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
