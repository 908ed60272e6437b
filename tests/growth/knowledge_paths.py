"""Where the knowledge floor reads text from outside: every format, and the splitter after it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing.reading import parse
from knowledge.splitting.splitter import split
from knowledge.text.markup import front_matter, plain_text
from knowledge.text.sentences import split_sentences
from tests.growth.harness import TextPath

LIMITS = ParsingLimits()
_numbers = count()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _written(content: bytes, name: str) -> Path:
    path = Path(_folder().name, f"{next(_numbers)}-{name}")
    path.write_bytes(content)
    return path


def _read(path: Path) -> None:
    """Parse and split a file; a named refusal is an answer, too."""
    with suppress(UnreadableFile):
        split(parse(path, name=path.name, limits=LIMITS))


def _file(name: str, make: Callable[[int], str | bytes], largest: int = 1_000_000) -> TextPath:
    def written(size: int) -> Path:
        content = make(size)
        return _written(content.encode() if isinstance(content, str) else content, name)

    return TextPath("", written, _read, largest)


def _repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: before + unit * max(1, size // len(unit)) + after


MARKUP = {
    "words": "word ", "long line": "x", "spaces": " ", "tabs": "\t", "blank lines": "\n", "hashes": "#",
    "headings": "# a\n", "one heading": "# a\n\n## b\n", "named headings": "# one two three\n\nx\n",
    "heading tails": " #", "heading attributes": " {#a", "brackets": "[", "closed brackets": "[]", "links": "[a](",
    "references": "[a][b] ", "definitions": "[a]: b\n", "images": "![", "backticks": "`", "code spans": "`a``b```c",
    "odd backticks": "a`", "stars": "*", "emphasis": "*a ", "strong": "**a ", "underscores": "_a ", "quotes": "> ",
    "quoted lines": "> a\n", "nested lists": "- ", "list items": "- a\n", "numbers": "1. a\n", "fences": "```\n",
    "tildes": "~~~ a\n", "comments": "<!--", "closed comments": "<!--a-->", "shortcodes": "{{<",
    "percents": "{{% a \"",
    "shortcode titles": '{{< a "b',
    "containers": ":::", "container lines": "::: a\n\n", "admonitions": "!!! a\n\n    b\n\n",
    "admonition bodies": "    b\n\n",
    "tags": "<a", "closed tags": "<a>",
    "attributes": "{=", "attribute lines": "{a=\n",
   
    "rules": "- - ", "table rules": "|--", "table rows": "|a|b|\n", "table spaces": "--  ",
    "bars": "|", "setext": "a\n===\n",
    "underlines": "a\n-\n", "roles": ":a:`", "addresses": "https://", "entities": "&#", "backslashes": "\\",
    "parentheses": "(", "link targets": "[](a(b)", "html": "<div>\n", "scripts": "<script>", "imports": "import a\n",
    "expressions": "{/* ", "elements": "<Tabs ", "html anchors": "<a href=", "sentences": "Yes. No! 好。", "han": "文",
}  # fmt: skip


def _markdown() -> list[TextPath]:
    paths = [_named(f"markdown/{name}", _file("a.md", _repeated(unit))) for name, unit in MARKUP.items()]
    table = _file("a.md", _repeated("|a|b|\n", "|a|b|\n|-|-|\n"))
    lists = _file("a.md", lambda size: "".join(f"{'  ' * (n % 40)}- a\n" for n in range(size // 44)))
    return [*paths, _named("markdown/table", table), _named("markdown/deep lists", lists)]


def _plain_text() -> list[TextPath]:
    return [
        TextPath(f"plain text/{name}", _repeated(unit), lambda text: plain_text(text, "markdown"))
        for name, unit in MARKUP.items()
    ]


def _front_matter() -> list[TextPath]:
    units = {
        "merges": "m: {<<: [*a, *a, *a]}\n", "aliases": "- *a\n", "flows": "[", "flow keys": "? ", "colons": "a: ",
        "keys": "k: v\n", "quotes": "'", "tags": "!a ", "anchors": "&a ", "folded": ">-\n a\n",
    }  # fmt: skip

    def made(unit: str) -> Callable[[int], str]:
        return lambda size: f"---\na: &a {{x: 1}}\n{unit * (size // len(unit))}\n---\n"

    paths = [TextPath(f"front matter/{name}", made(unit), front_matter, 19_000) for name, unit in units.items()]

    def layers(size: int) -> str:
        lines = (f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, max(2, size // 60)))
        return "---\nm0: &m0 {x: 1}\n" + "\n".join(lines) + "\n---\n"

    return [*paths, TextPath("front matter/layers of merges", layers, front_matter, 19_000)]


def _named(name: str, path: TextPath) -> TextPath:
    return TextPath(name, path.make, path.run, path.largest)


PATHS = [
    TextPath("sentences/stops", _repeated("Yes. No! 好。"), lambda text: list(split_sentences(text, 0, len(text)))),
    *_markdown(),
    *_plain_text(),
    *_front_matter(),
]
