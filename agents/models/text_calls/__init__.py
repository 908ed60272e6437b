"""Tool calls as models write them that know no protocol for it: found in text, and never evaluated."""

from agents.models.text_calls.parsing import ParsedText, parse_calls

__all__ = ["ParsedText", "parse_calls"]
