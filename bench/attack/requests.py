"""Questions, bodies, ids and origins."""

from __future__ import annotations

import itertools

from bench.attack import hostile
from bench.attack.session import Session


def ask(session: Session, base: str, models: list[str]) -> None:
    """Hostile questions: searched, asked in a conversation, and asked over /v1 of a model that echoes them."""
    api = session.product.api

    def one(text: str) -> None:
        session.send("search", "POST", f"{api}/knowledge-bases/{base}/search", json={"query": text})
        thread = session.send("conversation", "POST", f"{api}/threads", json={"title": text[:200]})
        if thread is not None and thread.is_success:
            there = f"{api}/threads/{thread.json()['id']}"
            run = session.send("conversation", "POST", f"{there}/runs", json={"input": text, "model": "none"})
            if run is not None and run.is_success:
                session.send("conversation", "GET", f"{api}/runs/{run.json()['id']}/events")
            session.send("conversation", "GET", f"{there}/export")

    def completed(text: str, model: str) -> None:
        messages = [{"role": "system", "content": text[:20_000]}, {"role": "user", "content": text}]
        body = {"model": "answer", "messages": messages, "language_model": model, "stop": [text[:20]], "stream": True}
        for more in ({}, {"stop": None, "stream": False}):
            url = f"{api.removesuffix('/api/v1')}/v1/chat/completions"
            session.send(f"/v1, {model}", "POST", url, json=body | more)

    session.side_by_side(one, hostile.texts())
    session.side_by_side(completed, *zip(*itertools.product(hostile.texts(), models), strict=True))
    url = f"{api.removesuffix('/api/v1')}/v1/embeddings"
    for text in hostile.texts():
        session.send("embeddings", "POST", url, json={"model": "use-multilingual", "input": [text] * 3})


def probe(session: Session) -> None:
    """Every path that the product describes, with ids and bodies that are none."""
    root = session.product.api.removesuffix("/api/v1")
    described = session.product.http.get(f"{session.product.api}/openapi.json").json()["paths"]
    requests = [(method.upper(), path) for path, operations in described.items() for method in operations]

    def with_id(method: str, path: str, wrong: str) -> None:
        address = root + path[: path.index("{")] + wrong + path[path.rindex("}") + 1 :]
        session.send("ids", method, address, json={} if method in ("POST", "PUT", "PATCH") else None)

    def with_body(method: str, path: str, body: bytes) -> None:
        address = root + path.replace("{", "").replace("}", "")
        for kind in ("application/json", "multipart/form-data; boundary=x"):
            session.send("bodies", method, address, content=body, headers={"content-type": kind})

    named = [request for request in requests if "{" in request[1] and "/events" not in request[1]]
    written = [request for request in requests if request[0] in ("POST", "PUT", "PATCH")]
    session.side_by_side(
        lambda pair: with_id(pair[0][0], pair[0][1], pair[1]), list(itertools.product(named, hostile.IDS))
    )
    session.side_by_side(
        lambda pair: with_body(pair[0][0], pair[0][1], pair[1]), list(itertools.product(written, hostile.bodies()))
    )


def call_from_elsewhere(session: Session) -> list[str]:
    """Who was let in that should not have been, or the reverse."""
    wrong = []
    for host, origin in itertools.product(hostile.HOSTS, hostile.ORIGINS):
        for port, address in (
            (session.product.api_port, f"{session.product.api}/threads"),
            (session.product.ui_port, ""),
        ):
            headers = {"host": host.format(port=port)}
            if origin is not None:
                headers["origin"] = origin.format(port=port)
            answer = session.send("origins", "GET", address or f"{session.product.ui}/_stcore/health", headers=headers)
            own = hostile.is_own(headers["host"], headers.get("origin"), port)
            if answer is not None and own != answer.is_success:
                wrong.append(f"{answer.status_code} for {headers} on {port}")
    return wrong
