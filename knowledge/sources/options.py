"""The options of sources, typed: what callers may set, checked before it is stored and again when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError

from knowledge.errors import InvalidInput
from knowledge.sources.selection import LONGEST_PATTERN, Selection

MOST_PATTERNS = 200


def _listed(given: Any) -> Any:
    if given is None or given == "":
        return ()
    return (given,) if isinstance(given, str) else given


Pattern = Annotated[str, Field(strict=True, min_length=1, max_length=LONGEST_PATTERN)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed), Field(max_length=MOST_PATTERNS)]


class SourceOptions(BaseModel):
    """The options of a source that has none; the base of every other model of options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SelectionOptions(SourceOptions):
    """Which files are read: globs, or a single one (see Selection), and whether hidden files are read."""

    include: Patterns = ()
    exclude: Patterns = ()
    hidden: StrictBool = False

    def selection(self) -> Selection:
        """The choice of files that these options describe."""
        return Selection(include=self.include, exclude=self.exclude, hidden=self.hidden)


def checked_options(kind: str, model: type[SourceOptions], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are stored. Raises InvalidInput for a name that the kind does not know, or a wrong value."""
    return _validated(kind, model, given).model_dump(mode="json", exclude_unset=True)


def stored_options(kind: str, model: type[SourceOptions], stored: Mapping[str, Any]) -> SourceOptions:
    """Stored options, those that another version of the kind knew left out. Raises InvalidInput for a wrong value."""
    return _validated(kind, model, {name: value for name, value in stored.items() if name in model.model_fields})


def _validated(kind: str, model: type[SourceOptions], given: Mapping[str, Any]) -> SourceOptions:
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        name = ".".join(str(step) for step in first["loc"])[:100]
        known = ", ".join(model.model_fields) or "none"
        raise InvalidInput(
            f"The option {name!r} of a {kind} source cannot be used: {first['msg']}. Options are: {known}."
        ) from None
