"""The link to the agent of a session: what is left of it when the session has ended by itself."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

from sandbox.config import SandboxLimits
from sandbox.link import AgentLink


async def test_a_session_that_ends_by_itself_leaves_no_stream_open() -> None:
    near, far = socket.socketpair()
    with far:
        reader, writer = await asyncio.open_connection(sock=near)
        ended = asyncio.Event()

        async def end() -> str:
            ended.set()
            return ""

        link = AgentLink(reader, writer, SandboxLimits(), end)
        head = json.dumps({"ev": "ready", "languages": []}).encode()
        far.send(struct.pack(">II", len(head), 0) + head)
        await link.start({})
        far.shutdown(socket.SHUT_WR)  # its output has ended; what it is sent, it would still take
        await ended.wait()
        assert writer.is_closing()
        await link.close()
