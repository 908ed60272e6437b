"""`python -m bench attack`: the whole session, or the parts that are named."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.attack import hostile
from bench.attack.connections import hold_open
from bench.attack.models import be_answered, hostile_models
from bench.attack.neighbours import Share, build_beside
from bench.attack.requests import ask, call_from_elsewhere, probe
from bench.attack.session import Session
from bench.attack.sources import add_sources, upload
from bench.attack.watching import Bait, Watchdog
from bench.product import ROOT, Product, free_port

FREEZE_S = 2.0
MEMORY_BAR = 1.5e9
PARTS = ("files", "neighbours", "models", "questions", "bodies", "sources", "origins", "connections")


@dataclass
class Found:
    """What the parts have found that is not counted by the session."""

    wrong: list[str] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        ratios = sorted(share.ratio for share in self.shares)
        return ratios[len(ratios) // 2] if ratios else 0.0


@contextlib.contextmanager
def echoing_model(product: Product) -> Iterator[None]:
    """A model that repeats all it is sent, and one that says what a hostile one would, configured in the product."""
    port = free_port()
    # Without a pause between its pieces: an answer of ten thousand of them would take minutes of waiting.
    program = [sys.executable, str(ROOT / "tests" / "scripted_model.py"), "--port", str(port), "--delay-ms", "0"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        for name in ("echo", "malicious"):
            product.call(
                "POST",
                "/models",
                json={"name": name, "model": f"scripted:{name}", "base_url": f"http://127.0.0.1:{port}/v1"},
            )
        yield
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def attack(product: Product, secret: Path, pages: int, parts: list[str]) -> int:
    """Send what the parts say, all along watched; how many bars do not hold."""
    session, bait = Session(product, secret.read_text().strip()), Bait()
    base = product.call("POST", "/knowledge-bases", json={"name": "hostile", "embedders": ["use-multilingual"]})["id"]
    watchdog = Watchdog(product)
    watchdog.start()
    found = Found()
    jobs: list[str] = []
    if "files" in parts:
        jobs = upload(session, base, hostile.files(secret, bait.address))
        if "neighbours" in parts:
            found.shares = build_beside(product, base, pages)
        for job in jobs:
            product.wait_job(job, 1800)
    if "models" in parts:
        with hostile_models(product, bait.address) as names:
            found.untold = be_answered(session, base, names)
    if "questions" in parts:
        with echoing_model(product):
            ask(session, base, ["none", "echo", "malicious"])
    if "bodies" in parts:
        probe(session)
    if "sources" in parts:
        add_sources(session, base, secret, bait.address)
    if "origins" in parts:
        found.wrong = call_from_elsewhere(session)
    if "connections" in parts:
        found.kept = hold_open(session, 100, 90)
    word = secret.read_text().strip()
    session.send("search", "POST", f"{product.api}/knowledge-bases/{base}/search", json={"query": word})
    watchdog.enough.set()
    watchdog.join()
    return report(session, watchdog, bait, found)


def report(session: Session, watchdog: Watchdog, bait: Bait, found: Found) -> int:
    """Print the table; the number of bars that do not hold."""
    print(f"{'what':<18}{'sent':>6}{'slowest':>10}  outcomes")
    for kind, row in session.rows.items():
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(row.items()))
        print(f"{kind:<18}{row.total():>6}{session.slowest.get(kind, 0):>9.2f}s  {outcomes}")
    asked = [path for path in bait.calls if path not in ("/web", "/")]
    bars = (
        ("answers of 500 and above", len(session.broken), 0),
        ("longest time without an answer, s", round(watchdog.longest_s, 2), FREEZE_S),
        ("of it at work in the API at most, s", round(watchdog.busiest_s, 2), FREEZE_S),
        ("requests of the watchdog that failed", watchdog.errors, 0),
        ("times that the API's process was gone", watchdog.deaths, 0),
        ("reads outside", len(session.leaks), 0),
        ("requests to addresses in files and answers", len(asked), 0),
        ("origins and hosts judged wrongly", len(found.wrong), 0),
        ("half-open connections kept", sum(found.kept.values()), 0),
        ("runs of hostile models without an end that is told", len(found.untold), 0),
        ("memory of worker and children, MB", round(watchdog.memory / 1e6), MEMORY_BAR / 1e6),
        ("memory of the API, MB", round(watchdog.api_memory / 1e6), MEMORY_BAR / 1e6),
        ("another base beside hostile files, times alone", round(found.ratio, 2), 1.3),
    )
    for name, value, bar in bars:
        print(f"{'ok  ' if value <= bar else 'NOT '} {name}: {value:g} (bar {bar:g})")
    for share in found.shares:
        print(f"  a base of harmless pages: {share}")
    print(f"most memory: {watchdog.culprit}; {watchdog.beats} beats of the watchdog")
    for line in [*session.broken[:20], *session.leaks[:20], *asked[:20], *found.wrong[:40], *found.untold[:40]]:
        print("  ", line)
    return sum(value > bar for _, value, bar in bars)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=60, help="pages of the base built beside the hostile files")
    parser.add_argument(
        "parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}; all by default"
    )
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}.")
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder, "secret.md")
        secret.write_text(f"word{secrets.token_hex(8)}\n")
        settings = {"CHATBOT_SAMPLE_GUIDE": "false", "CHATBOT_DEFAULT_EMBEDDERS": "use-multilingual"}
        failed = 1
        try:
            with Product(Path(folder, "data"), settings=settings) as product:
                failed = attack(product, secret, given.pages, list(given.parts))
        finally:
            if failed:
                said = Path(folder, "data.log").read_text(errors="replace").splitlines()
                print("\n".join([line[:300] for line in said if "[info" not in line][-60:]))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
