"""Names and numbers that the parts of the agent share."""

from __future__ import annotations

import struct

WORK = "/work"
RUN_FOLDER = ".run"
UNLISTED = (RUN_FOLDER, ".cache", ".packages", "node_modules")
"""Folders whose files nobody asked for by name: a run's own, caches, installed packages."""
CHUNK = 65536
MAX_ENTRIES = 10000
MAX_DEPTH = 32
HEAD = struct.Struct(">II")
"""Sizes of a frame's JSON and of its payload."""
