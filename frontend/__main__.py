"""`python -m frontend`: the browser interface as a process of its own.

    python -m frontend [--host H] [--port P] [--api-url URL] [--allowed-host NAME]… [--allowed-origin ORIGIN]…
                       [--trusted-proxy ADDRESS]…

It is ready when `/_stcore/health` answers.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from frontend.authentication.origin_policy import Policy
from frontend.authentication.origins import is_loopback
from frontend.authentication.proxies import Proxies
from frontend.authentication.sessions import ApiUnreachable, wait_for_token_rule
from frontend.half_open import drop_half_open
from frontend.server import serve

API_PATIENCE_S = 60.0
"""How long to wait for the API before listening where others can reach us."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until stopped. Returns 2 when it must not start: reachable by others while the API asks for no token."""
    options = _parser().parse_args(arguments)
    api_url = options.api_url.rstrip("/")
    policy = Policy(
        bound_to_loopback=is_loopback(options.host),
        allowed_hosts=frozenset(name.lower() for name in options.allowed_host),
        allowed_origins=frozenset(origin.lower().rstrip("/") for origin in options.allowed_origin),
    )
    try:
        proxies = Proxies(options.trusted_proxy or ("127.0.0.1", "::1"))
    except ValueError as error:
        return _refuse(f"--trusted-proxy: {error}.")
    reachable = [] if policy.bound_to_loopback else [options.host]
    if reachable := [*reachable, *policy.strangers]:
        try:
            asks = wait_for_token_rule(api_url, patience_s=API_PATIENCE_S)
        except ApiUnreachable as error:
            return _refuse(str(error))
        if not asks:
            return _refuse(
                f"Others can reach this by {reachable[0]}, but the API at {api_url} asks for no token: set "
                "CHATBOT_TOKEN for the API, or listen on 127.0.0.1 and allow no other host or origin."
            )
    # What proxies tell is read by the middleware, and believed from where it was told to.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    drop_half_open(options.half_open_seconds)
    serve(
        host=options.host,
        port=options.port,
        api_url=api_url,
        policy=policy,
        max_upload_mb=options.max_upload_mb,
        proxies=proxies,
    )
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)  # noqa: T201
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m frontend", description="The browser interface of DevOps ChatBot.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on, 0: any (default: %(default)s)")
    parser.add_argument("--api-url", default="http://127.0.0.1:8000", help="the API (default: %(default)s)")
    parser.add_argument("--max-upload-mb", type=int, default=512, help="largest file taken (default: %(default)s)")
    parser.add_argument(
        "--half-open-seconds", type=float, default=20.0,
        help="how long the headers of a request are waited for (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--allowed-host", action="append", default=[], help="host name answered to, besides loopback ones; repeatable"
    )
    parser.add_argument(
        "--allowed-origin", action="append", default=[], help="origin allowed to call from a browser; repeatable"
    )
    parser.add_argument(
        "--trusted-proxy", action="append", default=[],
        help="address or network of a proxy whose X-Forwarded-* headers are believed (default: this machine)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
