"""Making Markdown that others wrote safe to render while it is still being written.

What comes out holds no image, no raw HTML and no link but to hosts that were allowed; everything else of the kind is
shown as text. The rules hold across the borders of pieces: what may become a link is held back until it is known.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Collection

from agents.sanitising import inline
from agents.sanitising.blocks import PREFIX, Containers, Fence, inside_quotes, open_fence

# The next sign that may begin something; running text between them passes as it is.
_NEXT = re.compile(r" +(?=[\[【])|[\\`\[\]!<\n【]|(?<![A-Za-z])(?:https?://|ftp://|www\.)", re.IGNORECASE)
# An end that may turn out to be the beginning of an address or of a marker.
_TAIL = re.compile(
    r"[ \t]+$|(?<![A-Za-z])(?:h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?|f(?:t(?:p(?::/?)?)?)?|w{1,3})$", re.IGNORECASE
)
_TAG = re.compile(r"<[A-Za-z/!?]")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_AUTOLINK = re.compile(r"<((?:https?|ftp)://[^\s<>]*)>", re.IGNORECASE)
_PART_OF_TAG = re.compile(r"<(?:b|br|br\s*/?|(?:h|f)[a-z]{0,4}(?::(?:/(?:/[^\s<>]{0,2048})?)?)?)?$", re.IGNORECASE)
_FENCE_SIGN = re.compile(r"`{1,3}|~{1,3}")
_NUMBERS = re.compile(r"\^?\s*(\d{1,4}(?:\s*[,，、;；]\s*\^?\d{1,4})*)\s*")
_WIDE_MARKER = re.compile(r"【\s*(\d{1,4}(?:\s*[,，、;；]\s*\d{1,4})*)(?:†[^】\n]{0,40})?\s*】")
_PART_OF_WIDE_MARKER = re.compile(r"【[\d\s,，、;；]*(?:†[^】\n]{0,40})?$")

Marker = Callable[[tuple[int, ...]], str]
"""What stands for a marker such as `[1]` or `[2, 3]`, given its numbers: possibly nothing."""


def keep_valid(highest: int, seen: Callable[[int], None] | None = None) -> Marker:
    """Markers of 1 to `highest` as `[n]` each, others left out; `seen` is told of every number."""

    def mark(numbers: tuple[int, ...]) -> str:
        for number in numbers:
            if seen is not None:
                seen(number)
        return "".join(f"[{number}]" for number in dict.fromkeys(numbers) if 1 <= number <= highest)

    return mark


def escaped(numbers: tuple[int, ...]) -> str:
    """For quoted text: what looks like a marker is shown, but is none."""
    return f"\\[{', '.join(map(str, numbers))}\\]"


class Sanitiser:
    """Takes an answer in pieces and gives it back safe, in pieces whose borders do not change the whole."""

    def __init__(self, *, hosts: Collection[str], marker: Marker) -> None:
        self._hosts = hosts
        self._marker = marker
        self._held = ""
        self._before = ""
        """The last character handed on, as it came in: an address does not begin inside a word."""
        self._shown_before = ""
        self._line_start = True
        self._content_start = False
        self._fence: Fence | None = None
        self._containers = Containers()

    def feed(self, piece: str) -> str:
        """What of the text so far can be shown now and was not yet."""
        return self._advance(self._held + piece, final=False)

    def finish(self) -> str:
        """The rest; an open code block is closed. Nothing may be fed afterwards."""
        rest = self._advance(self._held, final=True)
        if self._fence is None:
            return rest
        closing = f"{'> ' * self._fence.quotes}{' ' * self._fence.column}{self._fence.sign * self._fence.length}"
        return f"{rest}{'' if self._line_start else chr(10)}{closing}"

    def _advance(self, text: str, *, final: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            if self._fence is not None:
                step = self._code_line(text, at, out, final=final)
            elif self._line_start:
                step = self._start_line(text, at, out, final=final)
            else:
                step = self._inline(text, at, out, final=final)
            if step == at:
                break
            at = step
        if at:
            self._before = text[at - 1]
        self._held = text[at:]
        shown = "".join(out)
        self._shown_before = shown[-1:] or self._shown_before
        return shown

    # Lines

    def _code_line(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        """A whole line of a code block; kept inside the block's column, so that no renderer ends it early."""
        fence = self._fence
        assert fence is not None
        end = text.find("\n", at)
        if end < 0 and not final:
            return at
        stop = len(text) if end < 0 else end
        inside = inside_quotes(text[at:stop], fence.quotes)
        self._line_start = True
        if inside is None:
            self._fence = None
            # The quotation has ended and its code block with it.
            return self._start_line(text, at, out, final=final)
        marks, line = inside
        if line.strip():
            missing = fence.column - (len(line) - len(line.lstrip(" ")))
            line = " " * max(missing, 0) + line
        if fence.closes(line[fence.column :]):
            self._fence = None
        out.append(marks + inline.guard_code(line))
        if end >= 0:
            out.append("\n")
        else:
            self._line_start = False
        return stop + (end >= 0)

    def _start_line(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        match = PREFIX.match(text, at)
        start = match.end() if match else at
        prefix = text[at:start]
        unknown = start == len(text) or (text[start:].strip(".)0123456789-*+") == "" and "\n" not in text[start:])
        if unknown and not final and len(prefix) < inline.LONGEST_LABEL:
            return at
        signs = _FENCE_SIGN.match(text, start)
        if signs and not final and (signs.end() == len(text) or len(signs.group()) == 3) and "\n" not in text[start:]:
            return at
        column = self._containers.enter(prefix) if text[start : start + 1] not in ("\n", "") else 0
        self._line_start = False
        self._content_start = True
        out.append(prefix)
        if signs and len(signs.group()) == 3:
            begun = self._maybe_fence(text, start, prefix, column, out)
            if begun > start:
                return begun
        return start if start > at else self._inline(text, start, out, final=final)

    def _maybe_fence(self, text: str, start: int, prefix: str, column: int, out: list[str]) -> int:
        """Open a code block, or show its signs as text; `start` itself when they begin code inside the line."""
        end = text.find("\n", start)
        stop = len(text) if end < 0 else end
        line = text[start:stop]
        self._fence = open_fence(prefix, line, column)
        if self._fence is not None:
            out.append(inline.guard_code(line))
            self._line_start = end >= 0
            out.append("\n" if end >= 0 else "")
            return stop + (end >= 0)
        sign = text[start]
        run = len(line) - len(line.lstrip(sign))
        if sign == "`" and inline.code_end(text, start + run, run, final=True) != -1:
            return start
        out.append(f"\\{sign}" * run)
        return start + run

    # Inside a line

    def _inline(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        begins, self._content_start = self._content_start, False
        match = _NEXT.search(text, at)
        if match and match.start() == 0 and match.group()[0].isalpha() and self._in_word():
            match = _NEXT.search(text, 1)
        stop = match.start() if match else len(text)
        if stop > at:
            return self._plain(text, at, stop, out, begins, final=final or match is not None)
        assert match is not None
        step = self._sign(text, at, out, begins, final=final)
        if step == at:
            self._content_start = begins
        return step

    def _plain(self, text: str, at: int, stop: int, out: list[str], begins: bool, *, final: bool) -> int:
        tail = None if final else _TAIL.search(text, at, stop)
        inside_word = tail is not None and tail.start() == 0 and self._in_word() and not tail.group()[0].isspace()
        if tail and not inside_word:
            stop = tail.start()
        if stop > at:
            out.append(text[at:stop])
        else:
            self._content_start = begins
        return stop

    def _in_word(self) -> bool:
        return self._before.isalpha() and self._before.isascii()

    def _sign(self, text: str, at: int, out: list[str], begins: bool, *, final: bool) -> int:
        """Handle the sign at `at`; returns the position behind what was handled, `at` itself to wait for more."""
        match text[at]:
            case "\n":
                out.append("\n")
                self._line_start = True
                return at + 1
            case " ":
                return self._spaced(text, at, out, final=final)
            case "`":
                return self._code(text, at, out, final=final)
            case "[":
                return self._bracket(text, at, out, begins, final=final)
            case "<":
                return self._tag(text, at, out, final=final)
            case "【":
                return self._wide_marker(text, at, out, final=final)
            case "\\" | "!" | "]":
                return self._with_next(text, at, out, begins, final=final)
            case _:
                return self._address(text, at, out, final=final)

    def _spaced(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        """A bracket and the spaces before it, which go with a marker that is left out."""
        start = next(here for here in range(at, len(text)) if text[here] != " ")
        shown: list[str] = []
        end = self._sign(text, start, shown, False, final=final)
        if end == start:
            return at
        out.append(text[at:start] + "".join(shown) if any(shown) else "")
        return end

    def _with_next(self, text: str, at: int, out: list[str], begins: bool, *, final: bool) -> int:
        """A sign whose meaning hangs on the one behind it."""
        following = text[at + 1 : at + 2]
        if not following:
            out.append(text[at] if final else "")
            return at + final
        if text[at] == "!" and following == "[":
            return self._bracket(text, at + 1, out, begins, final=final, image=True)
        out.append(text[at])
        if text[at] == "]" and following in "([:":
            out.append("\\")
        elif text[at] == "\\" and following in string.punctuation:
            # Before anything but a sign the backslash stands for itself.
            out.append(following)
            return at + 2
        return at + 1

    def _code(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        run = inline.backticks(text, at)
        if at + run == len(text) and not final:
            return at
        end = inline.code_end(text, at + run, run, final=final)
        if end is None:
            return at
        if end < 0:
            out.append("\\`" * run)
            return at + run
        self._put(inline.guard_code(text[at:end]), out)
        return end

    def _bracket(self, text: str, at: int, out: list[str], begins: bool, *, final: bool, image: bool = False) -> int:
        begin = at - image
        end = inline.closing_bracket(text, at, final=final)
        if end is None or (end == len(text) - 1 and not final):
            return begin
        if end < 0:
            out.append("!\\[" if image else "\\[")
            return at + 1
        label = text[at + 1 : end]
        following = text[end + 1 : end + 2]
        numbers = None if image else _NUMBERS.fullmatch(label)
        if following == "(":
            stop = inline.target_end(text, end + 1, final=final)
            if stop is None:
                return begin
            if stop >= 0:
                target = inline.target_of(text[end + 2 : stop])
                self._put(self._mark(numbers[1]) if numbers else self._link(label, target, image=image), out)
                return stop + 1
        if numbers:
            shown = self._mark(numbers[1])
        elif image:
            shown = f"!\\[{self._clean(label)}\\]"
        else:
            shown = f"[{self._clean(label)}]"
        out.append(shown)
        if following == "(" or (following == ":" and begins):
            out.append("\\")
        return end + 1

    def _link(self, label: str, target: str, *, image: bool) -> str:
        clean = self._clean(label)
        if image:
            shown = inline.as_text(target)
            return f"🖼 {clean} ({shown})" if shown else f"🖼 {clean}"
        return inline.link(clean, target, self._hosts)

    def _clean(self, label: str) -> str:
        """The text of a link, made safe by itself; it cannot hold another link."""
        inner = Sanitiser(hosts=(), marker=escaped)
        inner._line_start = False
        return inner.feed(label.replace("\n", " ")) + inner.finish()

    def _mark(self, digits: str) -> str:
        return self._marker(tuple(int(number) for number in re.findall(r"\d+", digits)))

    def _wide_marker(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        match = _WIDE_MARKER.match(text, at)
        if match:
            out.append(self._mark(match[1]))
            return match.end()
        if not final and _PART_OF_WIDE_MARKER.match(text, at):
            return at
        out.append("【")
        return at + 1

    def _tag(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        for pattern in (_AUTOLINK, _LINE_BREAK_TAG):
            if match := pattern.match(text, at):
                address = match.group(1) if pattern is _AUTOLINK else ""
                allowed = inline.is_allowed(address, self._hosts)
                self._put((match.group() if allowed else inline.as_text(address)) if address else " ", out)
                return match.end()
        if not final and _PART_OF_TAG.match(text, at):
            return at
        out.append("\\<" if _TAG.match(text, at) else "<")
        return at + 1

    def _address(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        end = inline.url_end(text, at)
        rest = end
        while rest < len(text) and text[rest] in inline.TRAILING:
            rest += 1
        if rest == len(text) and not final and rest - at < inline.LONGEST_URL:
            return at
        if end == at:
            out.append(text[at])
            return at + 1
        self._put(inline.bare(text[at:end], text[end : end + 1], self._hosts), out)
        return end

    def _put(self, shown: str, out: list[str]) -> None:
        """Hand on what may begin with code: its backticks must not join those before it, nor be escaped."""
        before = next((part[-1] for part in reversed(out) if part), self._shown_before)
        out.append(f" {shown}" if shown.startswith("`") and before in ("`", "\\") else shown)


def sanitise(text: str, *, hosts: Collection[str], marker: Marker = escaped) -> str:
    """A whole text made safe at once."""
    sanitiser = Sanitiser(hosts=hosts, marker=marker)
    return sanitiser.feed(text) + sanitiser.finish()
