"""Texts with `{{ variable }}` for what a caller gives and `${secret}` for what no caller and no model ever sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.errors import ToolFailed, ToolsetInvalid

_PIECE = re.compile(
    r"\{\{\s*(?P<variable>@?[a-z][a-z0-9_]*)(?P<form>:path|:after)?\s*\}\}|\$\{(?P<secret>[A-Za-z][A-Za-z0-9_]*)\}"
)
_STRAY = re.compile(r"\{\{|\}\}|\$\{")
PATH = ":path"
AFTER = ":after"
Encode = Callable[[str, Any], str]
"""A variable's name (with `:path` or `:after` after it where so written) and its value, to what stands in its place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A part of a template: a literal text, a variable or a secret. `form` is what stands for the variable's value:
    with `:path` the text that a toolset has for it, with `:after` what comes after all that begins with it."""

    literal: str = ""
    variable: str = ""
    secret: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. Values are put in once and never read again as a template."""

    pieces: tuple[Piece, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Raises ToolsetInvalid for braces that enclose no name."""
        pieces, end = [], 0
        for match in _PIECE.finditer(text):
            pieces.append(Piece(literal=text[end : match.start()]))
            named = {"variable": match["variable"] or "", "secret": match["secret"] or ""}
            pieces.append(Piece(**named, form=match["form"] or ""))
            end = match.end()
        pieces.append(Piece(literal=text[end:]))
        stray = next((piece.literal for piece in pieces if _STRAY.search(piece.literal)), None)
        if stray is not None:
            raise ToolsetInvalid(f"In {text[:80]!r} braces enclose no name: write {{{{ name }}}} or ${{secret}}.")
        return cls(tuple(piece for piece in pieces if piece != Piece()))

    @property
    def variables(self) -> tuple[str, ...]:
        """What a caller gives, in order."""
        found = (piece.variable for piece in self.pieces if piece.variable and piece.variable[0] != "@")
        return tuple(dict.fromkeys(found))

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(piece.secret for piece in self.pieces if piece.secret))

    @property
    def only_variable(self) -> str:
        """The variable that is the whole template; empty when there is more."""
        return self.pieces[0].variable + self.pieces[0].form if len(self.pieces) == 1 else ""

    def lacks(self, values: Mapping[str, Any]) -> bool:
        """Whether a variable in it has no value."""
        return any(values.get(name) is None for name in self.variables)

    def render(self, values: Mapping[str, Any], secrets: Mapping[str, str], encode: Encode) -> str:
        """The text, values and secrets in their places. Raises ToolFailed for a secret that the connection lacks."""
        return "".join(self._parts(values, secrets, encode))

    def _parts(self, values: Mapping[str, Any], secrets: Mapping[str, str], encode: Encode) -> Iterator[str]:
        for piece in self.pieces:
            if piece.secret:
                if piece.secret not in secrets:
                    raise ToolFailed(f"The connection has no secret named {piece.secret}: add it to the connection.")
                yield encode(piece.secret, secrets[piece.secret])
            elif piece.variable:
                yield encode(piece.variable + piece.form, values[piece.variable])
            else:
                yield piece.literal


def as_text(name: str, value: Any) -> str:
    """A value as it is written in addresses and headers. Raises ToolFailed for what has no such form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ToolFailed(f"{name} must be a text or a number here.")
