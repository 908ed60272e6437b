"""For developers: `python -m backend.migrations MESSAGE` writes the next revision from what the tables now say."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from backend.migrations import configuration
from knowledge.storage.database import Database


def main(message: str) -> None:
    """Compares the tables in the code with what the revisions until now make, and writes the difference down."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'blank.db'}")
        with database.write() as connection:
            config = configuration(connection)
            scripts = ScriptDirectory.from_config(config)
            number = sum(1 for _ in scripts.walk_revisions()) + 1
            if number > 1:
                command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        database.close()
    versions = str(Path(__file__).parent / "versions")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", versions], check=True)
    subprocess.run([sys.executable, "-m", "ruff", "check", "--fix", "-q", versions], check=True)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
