"""What Python inside is started with, and the agent as the text that it reads."""

from __future__ import annotations

from importlib.resources import files

BOOT = (
    "import os\n"
    "def r(n):\n"
    " b=b''\n"
    " while len(b)<n:\n"
    "  c=os.read(0,n-len(b))\n"
    "  if not c: os._exit(0)\n"
    "  b+=c\n"
    " return b\n"
    "exec(compile(r(int.from_bytes(r(4),'big')),'<agent>','exec'),{'__name__':'__agent__'})\n"
)
"""What Python is started with: it reads the agent from its stdin, so any image with a Python will do."""

COMMAND = ("python3", "-I", "-S", "-B", "-c", BOOT)

_MODULES = (
    "places", "runs", "memory", "files", "processes", "jail", "host_link", "pipes", "python_shell", "transfers",
    "relay", "runner", "agent",
)  # fmt: skip
"""The agent's modules, each after those that it imports."""

_LOAD = """import sys, types
for name in ("sandbox", "sandbox.inside"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, text in {parts!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules["sandbox.inside.agent"].main()
"""


def agent_source() -> bytes:
    """The agent as one text, that makes its modules anew inside and starts it."""
    return _LOAD.format(parts={f"sandbox.inside.{name}": _source(name) for name in _MODULES}).encode()


def worker_source() -> bytes:
    """What becomes the Python of a session."""
    return _source("worker").encode()


def _source(name: str) -> str:
    return files("sandbox").joinpath("inside", f"{name}.py").read_text("utf-8")
