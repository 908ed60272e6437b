"""A data folder of its own, and the command line on it, as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FAST_EMBEDDER = "use-multilingual"


class Installation:
    """A data folder of its own, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CHATBOT_")},
            "CHATBOT_DATA_DIR": str(folder / "data"),
            "CHATBOT_SAMPLE_GUIDE": "false",
            "CHATBOT_DEFAULT_EMBEDDERS": FAST_EMBEDDER,
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "120",
        }

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "backend", *words],
            cwd=ROOT,
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def json(self, *words: str, **environment: str) -> Any:
        done = self.run(*words, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file
