"""Files from where they are: a folder, a zip, a page on the web. What is skipped or broken is reported, not raised."""

from knowledge.sources.fetcher import Fetched, Fetcher
from knowledge.sources.folder import read_folder
from knowledge.sources.items import Reading, SourceItem
from knowledge.sources.page import FetchedPage, fetch_page
from knowledge.sources.selection import Selection
from knowledge.sources.zip_archive import read_zip

__all__ = [
    "Fetched",
    "FetchedPage",
    "Fetcher",
    "Reading",
    "Selection",
    "SourceItem",
    "fetch_page",
    "read_folder",
    "read_zip",
]
