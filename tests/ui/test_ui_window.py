"""A long conversation is drawn from its end, and more of it on request."""

from __future__ import annotations

from tests.fake_api import FakeApi
from tests.ui.conftest import OpenPage

TURNS = 30


def asked(page: object) -> list[str]:
    return [each.value for each in page.text if each.value.startswith("Question")]  # type: ignore[attr-defined]


def test_the_last_turns_are_drawn_and_earlier_ones_when_asked_for(fake: FakeApi, open_page: OpenPage) -> None:
    fake.add_base("ops")
    thread = fake.add_thread("long")
    parent = None
    for number in range(TURNS):
        question = fake.add_message(thread, "user", f"Question {number}", parent)
        parent = fake.add_message(thread, "assistant", f"Answer {number}", question["id"], mode="extractive")["id"]
    page = open_page(thread=thread)
    assert asked(page) == [f"Question {number}" for number in range(20, 30)]
    assert "(40)" in page.button(key="earlier").label
    page.button(key="earlier").click().run()
    assert not page.exception
    assert asked(page) == [f"Question {number}" for number in range(30)]
    assert not [each for each in page.button if each.key == "earlier"]
