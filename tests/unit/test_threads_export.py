"""A conversation as Markdown: what others wrote in it can be opened anywhere and leads nowhere."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from markdown_it import MarkdownIt

from backend.threads.excerpts import excerpt
from backend.threads.export import as_markdown
from backend.threads.types import StoredMessage, Thread

RENDERER = MarkdownIt("commonmark", {"html": True})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def made(kind: Any, **given: Any) -> Any:
    return kind(**{field.name: given.get(field.name) for field in fields(kind)})


def exported(title: str, *messages: StoredMessage) -> str:
    return as_markdown(made(Thread, id="t", title=title, created_at=NOW), messages)


def message(number: int, role: str, text: str, citations: list[dict[str, Any]]) -> StoredMessage:
    parent = str(number - 1) if number else None
    return made(  # type: ignore[no-any-return]
        StoredMessage, id=str(number), parent_id=parent, role=role, text=text, error="", citations=citations
    )


def test_nothing_in_an_export_loads_or_leads_elsewhere() -> None:
    bad = "![x](https://evil.example/?q=1) <img src=x> [a](javascript:x)"
    cited = {"number": 1, "url": "https://docs.example/a", "path": "a.md", "heading_path": [bad], "title": bad}
    local = {"number": 2, "url": "", "path": "a`](https://evil.example)\n# b.md", "heading_path": [], "title": "T"}
    text = exported(bad, message(0, "user", bad, []), message(1, "assistant", f"Yes [1]. {bad}", [cited, local]))
    tokens = [each for token in RENDERER.parse(text) for each in (token, *(token.children or ()))]
    assert not [token for token in tokens if token.type in ("image", "html_inline", "html_block")], text
    assert {str(token.attrs["href"]) for token in tokens if token.type == "link_open"} <= {"https://docs.example/a"}
    assert len([token for token in tokens if token.type == "heading_open" and token.tag == "h1"]) == 1
    assert "Yes [1]." in text
    assert "https://docs.example/a" in text


def test_an_excerpt_is_whole_words_without_signs() -> None:
    text = (
        f"{'padding ' * 80}The **rollback** of `web` is done by hand [1]. Afterwards the operators tell everybody [2]."
    )
    found = excerpt(text, "by hand")
    assert found == "…padding The rollback of web is done by hand. Afterwards the operators tell…"
    assert excerpt("说明" * 40 + "回滚" + "之后" * 40, "回滚").startswith("…")
    assert "回滚" in excerpt("说明" * 40 + "回滚" + "之后" * 40, "回滚")
    assert excerpt("a **b** c", "**b**") == "a **b** c"
