"""The names in a zip, which does not always say how they are encoded."""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence

from knowledge.parsing.decoding import share_of_common

_UTF8 = 0x800
_UNICODE_PATH = 0x7075
_ONE_BYTE = ("cp437", "cp850", "cp866", "cp1251", "cp1252")
_WORD = re.compile(r"[^\W\d_]+")
_SURE = 0.8
_FEWEST_HANGUL = 8
_SAMPLE = 20_000


def member_names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The names of members as whoever made the archive saw them.

    A name that says it is Unicode (the UTF-8 flag, or Info-ZIP's extra field) is read as that. The others are read one
    way for the whole archive, because a short name alone fits several: as UTF-8 when they all are, else in the code
    page of the system that wrote them, as the letters tell, else in code page 437 as the format says.
    """
    said = [_said(member) for member in members]
    raw = [_raw(member.orig_filename) if name is None else None for member, name in zip(members, said, strict=True)]
    encoding = _encoding([each for each in raw if each is not None and not each.isascii()])
    return [
        name
        if name is not None
        else bytes_.decode(encoding, errors="replace")
        if bytes_ is not None
        else member.filename
        for member, name, bytes_ in zip(members, said, raw, strict=True)
    ]


def _said(member: zipfile.ZipInfo) -> str | None:
    """The name in Unicode where the archive holds one."""
    if member.flag_bits & _UTF8:
        return member.orig_filename
    extra, raw = member.extra, _raw(member.orig_filename)
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5 and raw is not None:
            (checksum,) = struct.unpack_from("<I", field, 1)
            # A tool that renamed the member and did not know the field leaves a checksum of the old name.
            if checksum == zlib.crc32(raw):
                return field[5:].decode("utf-8", errors="replace")
    return None


def _raw(name: str) -> bytes | None:
    """The bytes of a name that zipfile read as code page 437."""
    try:
        return name.encode("cp437")
    except UnicodeEncodeError:
        return None


def _encoding(names: list[bytes]) -> str:
    sample = b"\n".join(names)[:_SAMPLE].rpartition(b"\n")[0] or b"\n".join(names)[:_SAMPLE]
    if not names or _fits(names, "utf-8"):
        return "utf-8"
    if _fits(names, "shift_jis") and _share(sample, "shift_jis", "\u3040", "\u30ff") > 0.2:
        return "shift_jis"
    if _fits(names, "euc_kr") and _is_korean(sample):
        return "euc_kr"
    shares = {each: share_of_common(sample, each) for each in ("gb18030", "big5") if _fits(names, each)}
    if shares and max(shares.values()) >= _SURE:
        return max(shares, key=lambda each: shares[each])
    scores = {each: _score(sample.decode(each, errors="replace")) for each in _ONE_BYTE}
    best = max(scores.values())
    if best < _SURE and "gb18030" in shares and shares["gb18030"] > best:
        return "gb18030"
    return next(each for each, score in scores.items() if score >= min(best, 0.95))


def _fits(names: list[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _share(sample: bytes, encoding: str, low: str, high: str) -> float:
    """The share of characters between two, of those beyond ASCII."""
    beyond = [each for each in sample.decode(encoding, errors="ignore") if each > "\x7f"]
    return sum(low <= each <= high for each in beyond) / len(beyond) if beyond else 0.0


def _is_korean(sample: bytes) -> bool:
    """Hangul fills the first half of the plane that Chinese uses whole: enough of it, and nothing else, is Korean."""
    hangul = sum("\uac00" <= each <= "\ud7a3" for each in sample.decode("euc_kr", errors="ignore"))
    return hangul >= _FEWEST_HANGUL and _share(sample, "euc_kr", "\uac00", "\ud7a3") > _SURE


def _score(text: str) -> float:
    """The share of characters beyond ASCII that stand in words of one script, small letters not before capital ones."""
    beyond = sum(each > "\x7f" for each in text)
    good = 0
    for match in _WORD.finditer(text):
        word = match.group()
        scripts = {unicodedata.name(each, " ").split()[0] for each in word}
        if len(scripts) == 1 and (word[1:] == word[1:].lower() or word.isupper()):
            good += sum(each > "\x7f" for each in word)
    return good / beyond if beyond else 1.0
