"""Making Markdown that others wrote safe to render while it is still being written.

What comes out holds no image, no raw HTML and no link but to hosts that were allowed; everything else of the kind is
shown as text. The rules hold across the borders of pieces: what may become a link is held back until it is known, but
never more than a few thousand signs, and never beyond its line. Every sign is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from agents.sanitising.addresses import ADDRESS, BREAK
from agents.sanitising.blocks import PREFIX, Containers, Fence, inside_quotes, open_fence
from agents.sanitising.inline import TAIL, Marker, escaped, guard_code, render, seam
from agents.sanitising.segments import LONGEST, Reader, read_segment

_LONGEST_PREFIX = 300
"""Signs before the content of a line beyond which no list or code block begins in it."""
# The next sign that may begin something; running text between them passes as it is.
_BEGINNING = re.compile(rf"[\\`\[\]!<&\n【]|{ADDRESS}", re.IGNORECASE)
# An end that may turn out to be the beginning of an address, looked for in the last few signs.
_PART_OF_ADDRESS = re.compile(
    r"(?<![A-Za-z])(?:h(?:t(?:t(?:p(?:s?(?::/?)?)?)?)?)?|f(?:t(?:p(?::/?)?)?)?|w{1,3})$", re.IGNORECASE
)
_BEGUN = re.compile(r"(?:https?|ftp)(?::/?)?$|www$|<$", re.IGNORECASE)
_SIGNS_OF_RULE = frozenset("-:| \t>")
_BLANKS = frozenset(" \t>")
_LONGEST_PART = 10
_BEGINS_ITEM = re.compile(r"[.)0-9*+-]*")
_FENCE_SIGNS = re.compile(r"`{1,3}|~{1,3}")


class Sanitiser:
    """Takes an answer in pieces and gives it back safe, in pieces whose borders do not change the whole."""

    def __init__(self, *, hosts: Collection[str], marker: Marker) -> None:
        self._hosts = hosts
        self._marker = marker
        self._held = ""
        self._read = 0
        """How much of what is held the reader of the piece that begins it has seen."""
        self._reader: Reader | None = None
        self._spaces = ""
        """Spaces before a piece: they go with a marker that is left out."""
        self._before = ""
        """The last character handed on, as it came in: an address does not begin inside a word."""
        self._shown = ""
        """The end of what has been shown."""
        self._behind_address = False
        """Whether the last piece was an address, which would go on without the space before a marker left out."""
        self._line_start = True
        self._fence: Fence | None = None
        self._inside_code_line = False
        self._containers = Containers()
        self._line = ""
        self._in_table = False
        """Whether a line of dashes and bars stands above, no blank one between."""
        self._bar_in_code = self._bar_above = False
        """Whether this line, or the one above, holds code with a bar, which ends the code where it is a row."""

    def feed(self, piece: str) -> str:
        """What of the text so far can be shown now and was not yet."""
        # Other renderers end a line at a carriage return too, and none shows what NUL is.
        text = self._held + piece.replace("\0", "\ufffd")
        ends_in_return = text.endswith("\r")
        if "\r" in text:
            text = text.replace("\r\n", "\n").removesuffix("\r").replace("\r", "\n")
        shown = self._advance(text, final=False)
        self._held += "\r" if ends_in_return else ""
        return shown

    def finish(self) -> str:
        """The rest; an open code block is closed. Nothing may be fed afterwards."""
        rest = self._advance(self._held.replace("\r", "\n"), final=True)
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
            self._note(text[at:step])
            at = step
            self._before = text[at - 1]
        self._held = text[at:]
        return "".join(out)

    def _note(self, source: str) -> None:
        """Keep what of the line decides whether the lines below are rows of a table."""
        begun, ended, _ = source.partition("\n")
        self._line = (self._line + begun)[:_LONGEST_PREFIX]
        if ended:
            signs = set(self._line)
            rule = "-" in signs and signs <= _SIGNS_OF_RULE
            self._in_table = bool(signs - _BLANKS) and (self._in_table or rule)
            self._bar_above, self._bar_in_code = self._bar_in_code, False
            self._line = ""

    def _put(self, shown: str, out: list[str]) -> None:
        """Hand on what must not be changed by what stands before it, nor change it."""
        if shown:
            out.append(f"{seam(self._shown[-1:], shown)}{shown}")
            self._shown = (self._shown[-TAIL:] + shown)[-TAIL:]

    # Lines

    def _code_line(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        """A line of a code block, kept inside the block's column, so that no renderer ends it early. A very long one
        comes in parts."""
        fence = self._fence
        assert fence is not None
        end = text.find("\n", at, at + LONGEST)
        whole = end >= 0 or len(text) - at < LONGEST
        if whole and end < 0 and not final:
            return at
        stop = end if end >= 0 else min(len(text), at + LONGEST)
        line = text[at:stop]
        if not self._inside_code_line:
            inside = inside_quotes(line, fence.quotes)
            if inside is None:
                # The quotation has ended and its code block with it.
                self._fence = None
                self._line_start = True
                return self._start_line(text, at, out, final=final)
            marks, line = inside
            if line.strip(" \t"):
                missing = fence.column - (len(line) - len(line.lstrip(" ")))
                line = " " * max(missing, 0) + line
            if whole and fence.closes(line[fence.column :]):
                self._fence = None
            out.append(marks)
        out.append(guard_code(line))
        out.append("\n" if end >= 0 else "")
        self._inside_code_line = not whole
        self._line_start = end >= 0
        self._shown = "\n" if end >= 0 else "`"
        return stop + (end >= 0)

    def _start_line(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        match = PREFIX.match(text, at)
        start = match.end() if match else at
        prefix = text[at:start]
        rest = text[start : start + _LONGEST_PREFIX]
        item = _BEGINS_ITEM.match(rest)
        unknown = item is not None and item.end() == len(rest) < _LONGEST_PREFIX
        if unknown and not final and len(prefix) < _LONGEST_PREFIX:
            return at
        signs = _FENCE_SIGNS.match(rest)
        end = text.find("\n", start, start + LONGEST)
        short_of_end = end < 0 and len(text) - start < LONGEST
        if signs and not final and short_of_end:
            short = len(signs.group()) < 3
            if signs.end() == len(rest) or not short:
                return at
        blank = text[start : start + 1] in ("\n", "")
        column = 0 if blank else self._containers.enter(prefix)
        self._line_start = False
        if prefix:
            out.append(prefix)
            self._shown = prefix[-1]
        if self._bar_above and text[start : start + 1] in ("-", ":", "|"):
            # Were this the rule of a table, the line above would be its header.
            out.append("\\")
            self._shown = "\\"
        if signs and len(signs.group()) == 3 and (end >= 0 or short_of_end):
            stop = len(text) if end < 0 else end
            self._fence = open_fence(prefix, text[start:stop], column)
            if self._fence is not None:
                out.append(guard_code(text[start : stop + 1]))
                self._line_start = end >= 0
                self._inside_code_line = False
                return stop + (end >= 0)
        return start if start > at else self._inline(text, start, out, final=final)

    # Inside a line

    def _inline(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        if self._reader is not None:
            return self._piece(text, at, out, final=final)
        match = _BEGINNING.search(text, at)
        if match and match.start() == at == 0 and match.group()[0].isalpha() and self._in_word():
            match = _BEGINNING.search(text, 1)
        stop = match.start() if match else len(text)
        plain = self._plain_end(text, at, stop, match.group()[0] if match else "", final=final)
        if plain > at:
            self._behind_address = False
            self._put(text[at:plain], out)
            return plain
        if match is None:
            return at
        if match.group() == "\n":
            out.append(text[at : stop + 1])
            self._shown = "\n"
            self._line_start = True
            return stop + 1
        self._spaces = text[at:stop]
        self._reader = read_segment(text[stop])
        next(self._reader)
        self._read = stop + 1 - at
        return self._piece(text, at, out, final=final)

    def _plain_end(self, text: str, at: int, stop: int, sign: str, *, final: bool) -> int:
        """Where the running text ends that can be shown: spaces wait for a marker, letters for an address."""
        if sign and sign not in "[【":
            return stop
        floor = max(at, stop - _LONGEST_PREFIX)
        end = stop
        if not (final and not sign):
            while end > floor and text[end - 1] == " ":
                end -= 1
        if sign or final or end < stop:
            return end
        part = _PART_OF_ADDRESS.search(text, max(at, stop - _LONGEST_PART), stop)
        return part.start() if part and not (part.start() == 0 and self._in_word()) else end

    def _in_word(self) -> bool:
        return self._before.isalpha() and self._before.isascii()

    def _piece(self, text: str, at: int, out: list[str], *, final: bool) -> int:
        """Read on in the piece that begins at `at`, and show it once its end is known."""
        assert self._reader is not None
        position = at + self._read
        limit = min(len(text), at + LONGEST)
        end = -1
        while position < limit and end < 0:
            if text[position] == "\n":
                break
            try:
                self._reader.send(text[position])
                position += 1
            except StopIteration as stopped:
                end = position + bool(stopped.value)
        self._read = position - at
        whole = end >= 0
        if not whole:
            if not final and position == len(text):
                return at
            end = position
        self._show_piece(text[at:end], text[end : end + 1], out, whole=whole)
        return end

    def _show_piece(self, piece: str, follows: str, out: list[str], *, whole: bool) -> None:
        source = piece[len(self._spaces) :]
        plain = source in ("!", "<", "&", "]", "【", "\\")
        shown = source
        if not (plain and whole):
            before = f"{self._shown}{self._spaces}"
            shown = render(
                source, self._hosts, self._marker, before=before, follows=follows, whole=whole, in_table=self._in_table
            )
            self._bar_in_code |= "|" in source and "`" in source
        if shown:
            self._put(self._spaces + shown, out)
            self._behind_address = source[0].isalpha()
        elif self._behind_address:
            self._put(" ", out)
        elif _BEGUN.search(self._shown):
            # What stood on both sides of a marker must not join to something else without it.
            self._put(BREAK, out)
        self._reader, self._spaces = None, ""


def sanitise(text: str, *, hosts: Collection[str], marker: Marker = escaped) -> str:
    """A whole text made safe at once."""
    sanitiser = Sanitiser(hosts=hosts, marker=marker)
    return sanitiser.feed(text) + sanitiser.finish()
