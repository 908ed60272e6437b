"""What a model's endpoint did wrong, as an error with a sentence the user can act on. Keys never get into it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from agents.errors import AgentError, ModelRefused, ModelUnavailable
from agents.models.characters import whole_characters

_LONGEST_DETAIL = 300
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|key|gsk|xai|hf|AIza)[-_][\w*.-]{6,}|(?<=Bearer )\S+|\bAIza[\w-]{20,}", re.IGNORECASE
)
_OUT_OF_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def origin_of(base_url: str) -> str:
    """Scheme, host and port of a URL: what may be shown of it."""
    parts = urlsplit(base_url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def without_keys(text: str, keys: Iterable[str] = ()) -> str:
    """`text` in one line, shortened, with the given keys and whatever looks like one blotted out."""
    for key in keys:
        if len(key) > 3:
            text = text.replace(key, "***")
    text = " ".join(_KEY_LIKE.sub("***", whole_characters(text)).split())
    return text if len(text) <= _LONGEST_DETAIL else text[:_LONGEST_DETAIL].rstrip() + "…"


def refusal(status: int, *, where: str, model: str, detail: str = "", code: str = "") -> AgentError:
    """The error for an HTTP status; `detail` is the endpoint's own message, already without keys."""
    said = f" It says: {detail}" if detail else ""
    if 300 <= status < 400:
        return ModelRefused(f"{where} sends requests to {model} on to another address: give that one, if you trust it.")
    if status in (401, 403):
        return ModelRefused(f"{where} does not accept the API key for {model}: check the key of this model.")
    if status == 404:
        return ModelRefused(
            f"{where} does not know {model}: check the model's name, and that the address ends in /v1.{said}"
        )
    if code in _OUT_OF_QUOTA:
        return ModelRefused(f"The account at {where} has no quota left for {model}: top it up or choose another model.")
    if status == 429:
        return ModelUnavailable(f"{where} is busy: wait a moment and ask again, or choose another model.{said}")
    if status in (408, 409, 425) or status >= 500:
        return ModelUnavailable(f"{where} failed with status {status}: ask again in a moment.{said}")
    return ModelRefused(f"{where} refused the request to {model} with status {status}.{said}")


def unreachable(where: str) -> ModelUnavailable:
    return ModelUnavailable(f"{where} cannot be reached: check that it runs and that the address is right.")


def packed(where: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{where} packs its answers though it was asked not to: let the proxy before it pass on Accept-Encoding."
    )


def timed_out(where: str, seconds: float) -> ModelUnavailable:
    return ModelUnavailable(f"{where} said nothing for {seconds:g} seconds: ask again, or choose another model.")


def broke_off(where: str) -> ModelUnavailable:
    return ModelUnavailable(f"{where} broke off in the middle of its answer: ask again.")
