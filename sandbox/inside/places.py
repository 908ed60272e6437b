"""Names and numbers that the parts of the agent share."""

WORK = "/work"
RUN_FOLDER = ".run"
CHUNK = 65536
MAX_ENTRIES = 10000
MAX_DEPTH = 32
