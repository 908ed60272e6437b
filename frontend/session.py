"""What a page needs of its browser session: the API, the texts, and errors drawn where they happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import streamlit as st

from frontend.answer_text import plain_label
from frontend.authentication.sessions import COOKIE
from frontend.client import Api, ApiError, open_connection
from frontend.language import Language, Texts, choose_language

LANGUAGE_COOKIE = "chatbot_language"


@st.cache_resource(show_spinner=False)
def connection(api_url: str) -> httpx2.Client:
    """The connections to the API that all sessions share."""
    return open_connection(api_url)


def api() -> Api:
    """The API as this browser may use it."""
    return Api(connection(st.secrets["api_url"]), st.context.cookies.get(COOKIE, ""))


def language() -> Language:
    """The language chosen in the address or the side bar, else that of an earlier visit, else the browser's."""
    asked = st.session_state.get("lang") or st.query_params.get("lang")
    kept = dict(st.context.cookies).get(LANGUAGE_COOKIE)
    return choose_language(asked or kept, st.context.locale)


def texts() -> Texts:
    """The texts of this session's language."""
    return Texts(language())


@contextmanager
def shown_errors(place: str) -> Iterator[None]:
    """Draws an ApiError of its block as a message with what to do and a button to try again; `place` names it."""
    try:
        yield
    except ApiError as error:
        show_error(error, place)


def show_error(error: ApiError, place: str) -> None:
    """The error with what to do next."""
    say = texts()
    st.error(explain(error), icon=":material/error:")
    if error.status == 401:
        st.link_button(say("error.sign_in"), "/login", icon=":material/login:")
        return
    st.button(say("error.retry"), key=f"retry-{place}", icon=":material/refresh:")


def explain(error: ApiError) -> str:
    """The error as a sentence in the language of the session; its code stands there where the interface has no words
    for it."""
    if reason := _reason_in_words(error.details):
        return reason
    said = problem_in_words(error.code, str(error))
    return f"{said} ({error.code})" if texts().of("problem", error.code) == error.code else said


def _reason_in_words(details: Mapping[str, Any]) -> str:
    """The sentence for the reason that a problem gives, in the words of the form; empty where there is none."""
    say, reason = texts(), str(details.get("reason") or "")
    key = f"reason.{reason}"
    if not reason or say.of("reason", reason) == reason:
        return ""
    form = {
        "sign_in": say("tools.sign_in"),
        "basic": say("tools.auth_basic"),
        "none": say("tools.auth_none"),
        "address": say("tools.address"),
        "ca": say("tools.ca"),
        "certificate": say("tools.certificate"),
        "certificate_key": say("tools.certificate_key"),
        "user": say("tools.field_user"),
        "password": say("tools.field_password"),
        "name": say("tools.field_name"),
    }
    fields = {name: plain_label(str(value)) for name, value in dict(details.get("fields") or {}).items()}
    if "field" in fields:
        fields["field"] = say.of("tools", f"field_{fields['field']}")
    return say(key, **{**form, **fields})


def problem_in_words(code: str, detail: str) -> str:
    """A problem in the language of the session; with the server's own `detail` where only that tells what is wrong, or
    where the interface knows no words for the code."""
    known, said = texts().of("problem", code), plain_label(detail)
    return said if known == code else known.replace("{detail}", said).strip()


def notify(sentence: str, icon: str = ":material/check_circle:") -> None:
    """A short note that outlives the rerun which follows."""
    st.session_state.setdefault("notes", []).append((sentence, icon))


def remember_error(error: ApiError) -> None:
    """Keeps an error met in a callback, to be drawn by the page."""
    st.session_state["problem"] = explain(error)


def show_notes() -> None:
    """Draws what callbacks left: notes and an error."""
    for sentence, icon in st.session_state.pop("notes", []):
        st.toast(sentence, icon=icon)
    problem = st.session_state.pop("problem", None)
    if problem:
        st.error(problem, icon=":material/error:")
