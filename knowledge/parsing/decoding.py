"""Bytes into text: finds the encoding, and removes what no store and no reader wants."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_SAMPLE = 256 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_TEXT = bytes(range(0x00, 0x09)) + b"\x0b" + bytes(range(0x0E, 0x1B)) + bytes(range(0x1C, 0x20))
_RUN_BEYOND_ASCII = re.compile(rb"[\x80-\xff]{3}")
_ANSI = re.compile(r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x9f\ud800-\udfff]")
_NEEDS_CARE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BIG5_COMMON, _GB_COMMON = range(0xA4, 0xC7), range(0xB0, 0xD8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """Text as it is stored: LF line ends, no control characters, nothing that UTF-8 cannot hold."""

    text: str
    encoding: str
    warnings: tuple[str, ...] = ()


def decode(data: bytes) -> Decoded | None:
    """The text of a file's bytes, or None when they are not text. Never raises: what cannot be decoded is replaced."""
    warnings: list[str] = []
    encoding, skip = _with_bom(data)
    if not encoding:
        encoding = _wide(data) or ("utf-8" if _is_utf8(data) else "")
    if encoding != "utf-16-le" and encoding != "utf-16-be" and not skip and _looks_binary(data[:_SAMPLE]):
        return None
    if not encoding:
        encoding = _guess(data)
        warnings.append(f"not UTF-8; read as {encoding}")
    text = data[skip:].decode(encoding, errors="replace")
    if (broken := text.count("\ufffd")) and data.count(b"\xef\xbf\xbd") != broken:
        warnings.append(f"{broken} characters could not be decoded as {encoding}")
    cleaned = clean(text)
    if len(cleaned.replace("\n", "")) < len(text.replace("\r", "").replace("\n", "").replace("\f", "")):
        warnings.append("control characters were removed")
    return Decoded(text=cleaned, encoding=encoding, warnings=tuple(warnings))


def clean(text: str) -> str:
    """The same text with LF line ends and without terminal colours, control characters and lone surrogates."""
    if not _NEEDS_CARE.search(text):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\x85", "\n")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    return _CONTROL.sub("", _SURROGATE.sub("\ufffd", text))


def _with_bom(data: bytes) -> tuple[str, int]:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return encoding, len(bom)
    return "", 0


def _wide(data: bytes) -> str:
    """UTF-16 without a mark shows as NULs on one side only of nearly every pair."""
    sample = data[: 4096 // 2 * 2]
    if len(sample) < 4 or b"\x00" not in sample:
        return ""
    even, odd = sample[::2].count(0) / (len(sample) / 2), sample[1::2].count(0) / (len(sample) / 2)
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else ""


def _looks_binary(sample: bytes) -> bool:
    return len(sample) - len(sample.translate(None, _NOT_TEXT)) > max(8, len(sample) * 0.1)


def _is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8, but for at most one broken spot in a hundred characters beyond ASCII."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        text = data[: 4 * _SAMPLE].decode("utf-8", errors="replace")
        broken = text.count("\ufffd")
        good = len(text) - len(text.encode("ascii", errors="ignore")) - broken
        return good >= 100 * broken or (good >= 4 and broken <= 2)
    return True


def _guess(data: bytes) -> str:
    sample = _beyond_ascii(data)
    if not _RUN_BEYOND_ASCII.search(sample):
        return "cp1252"  # single accents between ASCII letters: a Latin script, Western as far as anyone can tell
    scores = {encoding: share_of_common(sample, encoding) for encoding in ("gb18030", "big5")}
    best = max(scores, key=lambda encoding: scores[encoding])
    if scores[best] >= 0.8:
        return best
    from charset_normalizer import from_bytes

    # Wide encodings have been ruled out; on a few bytes the library likes them too much.
    match = from_bytes(sample, cp_exclusion=["utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_7"]).best()
    return match.encoding if match is not None else "cp1252"


def _beyond_ascii(data: bytes) -> bytes:
    """A stretch of the file around its first byte beyond ASCII, from the start of that line."""
    first = next((match.start() for match in re.finditer(rb"[\x80-\xff]", data)), 0)
    start = data.rfind(b"\n", max(0, first - 1000), first) + 1 or first
    end = data.rfind(b"\n", start + _SAMPLE // 2, start + _SAMPLE)
    return data[start : end if end > 0 else start + _SAMPLE]


def share_of_common(sample: bytes, encoding: str) -> float:
    """The share of everyday characters among those beyond ASCII: high only when the Chinese encoding is the right one.

    GB 2312 and Big5 both keep everyday characters in a first plane of their own (lead bytes B0-D7 and A4-C6).
    """
    text = sample.decode(encoding, errors="ignore")
    wide = [character for character in text if ord(character) > 0x7F][:20_000]
    common = 0
    for character in wide:
        code = character.encode(encoding, errors="ignore")
        if len(code) == 2:
            lead, trail = code
            if encoding == "big5":
                common += lead in _BIG5_COMMON or 0xA1 <= lead <= 0xA3
            else:
                common += trail >= 0xA1 and (lead in _GB_COMMON or lead in (0xA1, 0xA3))
    broken = sample.decode(encoding, errors="replace").count("\ufffd")
    return common / (len(wide) + 3 * broken) if wide else 0.0
