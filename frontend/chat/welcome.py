"""The empty conversation: what to ask, taken from the documents of the chosen knowledge bases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, zip_longest

import streamlit as st

from frontend.answer_text import plain_label
from frontend.chat.composer import Choice
from frontend.chat.conversation import ask
from frontend.client import Api, ApiError
from frontend.session import api, texts
from frontend.views import DocumentContent, KnowledgeBase

CARDS = 4
QUESTIONS = ("how to ", "how do ", "how can ", "如何", "怎么", "怎样", "为什么")
SHORTEST_HEADING, LONGEST_HEADING = 4, 80
MOST_DOCUMENTS = 200
BACKSTAGE = re.compile(
    r"(?:^|/)(?:contributing|developer[^/]*|proposals?|releas[^/]*|upgrading|changelog|license|code.of.conduct|security)(?=[/.]|$)",
    re.IGNORECASE,
)
"""Documents for those who make a thing or watch over it rather than use it."""
FRONT_DOOR = re.compile(
    r"(?:^|/)(?:faqs?|(?:frequently.asked.)?questions|getting.started|quick.?start|troubleshooting|how.?to[^/]*)(?=[/.]|$)"
    r"|入门|快速开始|常见问题",
    re.IGNORECASE,
)
"""Documents that say what people ask first."""
NUMBER = re.compile(r"^\d+[.)、]\s*(?=\D)")
"""Of a step, before its heading."""
TELLING_WORDS = 3
TELLING_HAN = 6


def draw_welcome(bases: Sequence[KnowledgeBase], choice: Choice) -> None:
    """A greeting with four questions to begin with; without documents, the way to add some."""
    say = texts()
    st.title(say("welcome.title"), anchor=False)
    chosen = [base for base in bases if not choice.bases or base.id in choice.bases]
    with_documents = [base for base in chosen if base.document_count]
    if not with_documents:
        st.markdown(say("welcome.no_knowledge"))
        if st.button(say("welcome.add"), key="add-knowledge", type="primary", icon=":material/library_add:"):
            st.switch_page("app_pages/knowledge.py")
        return
    st.markdown(say("welcome.hint"))
    with st.grid(2, gap="small"):
        for index, heading in enumerate(_headings(with_documents, say.language)):
            st.button(
                plain_label(heading), key=f"card-{index}", icon=":material/chat_bubble:", width="stretch", wrap=True,
                on_click=ask, args=("", heading),
                kwargs={"bases": choice.bases, "model": choice.model, "parent_id": None},
            )  # fmt: skip


def _headings(bases: Sequence[KnowledgeBase], language: str) -> list[str]:
    stamps = tuple((base.id, base.document_count, str(base.updated_at)) for base in bases)
    try:
        return _headings_of(api(), stamps, language)
    except ApiError:
        return []  # a greeting without cards is still a greeting


@st.cache_data(ttl=300, max_entries=200, show_spinner=False)
def _headings_of(_api: Api, stamps: tuple[tuple[str, int, str], ...], language: str) -> list[str]:
    """Up to four headings, each of another document, the bases taking turns."""
    few = stamps[:CARDS]
    offered = [_headings_in(_api, base_id, language, 2 * CARDS // len(few)) for base_id, _, _ in few]
    turns = chain.from_iterable(zip_longest(*offered, fillvalue=""))
    return list(dict.fromkeys(heading for heading in turns if heading))[:CARDS]


def _headings_in(_api: Api, base_id: str, language: str, count: int) -> list[str]:
    """Headings of `count` documents from all over a base, in the session's language if it can be, questions first."""
    documents = _api.documents(base_id, status="indexed", limit=MOST_DOCUMENTS).items
    documents.sort(key=lambda document: (document.language != language, bool(BACKSTAGE.search(document.path))))
    best = [each for each in documents if each.language == language and not BACKSTAGE.search(each.path)]
    step = max(1, len(best or documents) // count)
    doors = [each for each in best if FRONT_DOOR.search(each.path)]
    chosen = dict.fromkeys(each.id for each in [*doors[: count // 2], *documents[::step]])
    headings = [_heading(_api.content(base_id, each)) for each in list(chosen)[:count]]
    return sorted(filter(None, headings), key=lambda heading: (not _is_question(heading), not _is_telling(heading)))


def _heading(content: DocumentContent) -> str:
    """The deepest heading near the middle of a document, one that says most: specific enough to be asked about."""
    headings = [NUMBER.sub("", chunk.heading_path[-1]) for chunk in content.chunks if len(chunk.heading_path) > 1]
    headings = [heading for heading in headings if SHORTEST_HEADING <= len(heading) <= LONGEST_HEADING]
    telling = [each for each in headings if _is_question(each)] or [each for each in headings if _is_telling(each)]
    headings = telling or headings
    return headings[len(headings) // 2] if headings else content.document.title


def _is_telling(heading: str) -> bool:
    """Whether a heading has enough words to say what it is about, rather than "Overview"."""
    return len(heading.split()) >= TELLING_WORDS or sum(sign >= "\u3400" for sign in heading) >= TELLING_HAN


def _is_question(heading: str) -> bool:
    lowered = heading.lower()
    return lowered.endswith(("?", "？")) or lowered.startswith(QUESTIONS)
