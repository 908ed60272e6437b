"""Files into text: `parse` reads any supported file, `IsolatedParser` does so, and splits it, where a hostile
file can do no harm."""

from knowledge.parsing.formats import SUFFIXES
from knowledge.parsing.isolation import IsolatedParser
from knowledge.parsing.reading import parse, supported

__all__ = ["SUFFIXES", "IsolatedParser", "parse", "supported"]
