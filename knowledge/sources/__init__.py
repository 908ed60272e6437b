"""Files from where they are: a folder, a zip, a page on the web. What is skipped, broken or cannot be listed is
reported, not raised."""

from knowledge.sources.fetcher import Fetched, Fetcher
from knowledge.sources.items import SETTLED_NS, Reading, SourceItem
from knowledge.sources.reader import ReadRequest, SourceReader
from knowledge.sources.registry import source_readers
from knowledge.sources.selection import Selection

__all__ = [
    "SETTLED_NS",
    "Fetched",
    "Fetcher",
    "ReadRequest",
    "Reading",
    "Selection",
    "SourceItem",
    "SourceReader",
    "source_readers",
]
