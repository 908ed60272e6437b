"""Which titles in the properties of a file are titles: many are what a program filled in by itself."""

from __future__ import annotations

import re

_FILE = re.compile(
    r"\.(?:docx?|dotx?|odt|odp|ods|rtf|wpd|wps|tex|dvi|e?ps|pdf|pptx?|xlsx?|csv|indd|pmd|qxd|fm|vsdx?|tmp)$",
    re.IGNORECASE,
)
_FILE_IN_ONE_WORD = re.compile(r"^\S+\.(?:md|rst|txt|x?html?|xml|json|ya?ml|adoc|png|jpe?g|tiff?)$", re.IGNORECASE)
_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*:\S*|[a-z]:\\.*|\\\\.*|(?:\.{0,2}|~)/\S*)$", re.IGNORECASE)
_PROGRAM = re.compile(
    r"^(?:microsoft (?:word|powerpoint|excel|office word|office powerpoint|visio) - "
    r"|(?:powerpoint presentation|powerpoint 演示文稿|microsoft word|layout \d+)$)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"^[<(\[]?(?:un(?:titled|named|known)|no title|title|anonymous|none|null|undefined|n/a|blank|template|scan(?:ned)?"
    r"|(?:new |untitled |scanned )?(?:document|presentation|slides?|book|workbook|sheet|page)|无标题|未命名|未知|标题"
    r"|(?:新建|无标题|未命名)? ?(?:文档|文稿|演示文稿|工作簿|幻灯片))(?:[ _-]?\d{1,6})?[>)\]]?$",
    re.IGNORECASE,
)
_CODE = re.compile(r"^[0-9a-f{}_-]{16,}$", re.IGNORECASE)


def stated_title(text: str) -> str:
    """The title that a file states of itself, "" where that is none: a placeholder, an address, the name of a file or
    of the program, an identifier."""
    patterns = (_FILE, _FILE_IN_ONE_WORD, _ADDRESS, _PROGRAM, _PLACEHOLDER, _CODE)
    is_none = not any(map(str.isalpha, text)) or any(pattern.search(text) for pattern in patterns)
    return "" if is_none else text
