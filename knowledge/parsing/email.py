"""Mail: subject, people, date, the body, and the names of what is attached."""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import cast

from knowledge.config import ParsingLimits
from knowledge.errors import UnreadableFile
from knowledge.parsing.decoding import clean, decode
from knowledge.parsing.draft import Draft, MarkdownWriter, one_line
from knowledge.parsing.html import read_html

_HEADERS = (("from", "From"), ("to", "To"), ("cc", "Cc"), ("date", "Date"))
_MOST_PARTS = 500
_MOST_BOUNDARIES = 100
_LONGEST_HEADER = 2_000


class _Bounded(policy.EmailPolicy):
    """The usual policy, with headers cut: its parsers take time that grows with the square of a header's length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name[:_LONGEST_HEADER], value[:_LONGEST_HEADER]


def read_email(path: Path, name: str, limits: ParsingLimits) -> Draft:
    """A mail as Markdown: its subject as heading, its headers as a list, then the body. Raises UnreadableFile."""
    data = path.read_bytes()
    if data.lower().count(b"boundary=") > _MOST_BOUNDARIES:
        # Each line of a mail is compared with the boundary of every part around it.
        raise UnreadableFile(f"{name} holds more parts inside each other than a mail has.")
    message = cast(EmailMessage, BytesParser(_class=EmailMessage, policy=_Bounded()).parsebytes(data))
    subject = _header(message, "subject")
    values = {key: value for key, _ in _HEADERS if (value := _header(message, key))}
    writer = MarkdownWriter(limits.max_text_chars)
    writer.add(f"# {subject}" if subject else "")
    writer.add("\n".join(f"- {label}: {values[key]}" for key, label in _HEADERS if key in values))
    plain, html, attached = _bodies(message)
    if plain:
        writer.add(plain)
    elif html:
        writer.add(read_html(html, limits).text)
    if attached:
        writer.add("Attachments:\n\n" + "\n".join(f"- {name}" for name in attached))
    warnings = [f"{len(attached)} attachments were not read"] if attached else []
    return writer.draft(title=subject, metadata={**values, "attachments": attached}, warnings=warnings)


def _header(message: EmailMessage, key: str) -> str:
    try:
        return one_line(str(message.get(key) or ""), 1_000)
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):  # the parser of addresses, on odd ones
        return ""


def _bodies(message: EmailMessage) -> tuple[str, str, list[str]]:
    plain: list[str] = []
    html: list[str] = []
    attached: list[str] = []
    for part in _parts(message):
        name = part.get_filename()
        kind = part.get_content_type()
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            attached.append(one_line(name or kind, 200))
        elif kind == "text/html":
            html.append(_text(part))
        else:
            plain.append(_text(part))
    return "\n\n".join(filter(str.strip, plain)), "\n\n".join(filter(str.strip, html)), attached


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """The leaves of a mail, without recursion."""
    stack: list[EmailMessage] = [message]
    for _ in range(_MOST_PARTS):
        if not stack:
            return
        part = stack.pop()
        payload = part.get_payload()
        if isinstance(payload, list):
            stack.extend(each for each in reversed(payload) if isinstance(each, EmailMessage))
        else:
            yield part


def _text(part: EmailMessage) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        return clean(data.decode(part.get_content_charset() or "utf-8"))
    except (LookupError, ValueError):
        decoded = decode(data)
        return decoded.text if decoded is not None else ""
