"""Whether an address answers."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request

PATIENCE_S = 5.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: following it would take the key along."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def status_of(url: str, key: str = "", userinfo: str = "") -> int:
    """The HTTP status of a GET; 0 when nothing answers."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if userinfo:
        headers = {"Authorization": f"Basic {base64.b64encode(userinfo.encode()).decode()}"}
    try:
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(urllib.request.Request(url, headers=headers), timeout=PATIENCE_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0
