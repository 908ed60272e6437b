"""Which files are read, as what and by whom: by file name, by media type, and by looking at the first bytes.

A format is one line here and one file with its reader.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from knowledge.parsing.draft import Draft

Part = Literal["path", "text", "name", "kind", "limits"]
"""What there is to hand to a reader: the file or its decoded text, what users know it as, its kind, the limits."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A function of a module of this room that makes a Draft of a file, and what it takes.

    The module is loaded when the first file of its kind is met: the libraries of all of them cost a second.
    """

    module: str
    function: str
    takes: tuple[Part, ...]

    @property
    def takes_file(self) -> bool:
        """Whether it opens the file itself, rather than be given its text."""
        return "path" in self.takes

    def read(self, given: Mapping[Part, Any]) -> Draft:
        """What it makes of a file. Raises UnreadableFile, and whatever the libraries of others raise."""
        name = self.module if "." in self.module else f"{__package__}.{self.module}"
        function: Callable[..., Draft] = getattr(import_module(name), self.function)
        return function(*(given[part] for part in self.takes))


_FILE: tuple[Part, ...] = ("path", "name", "limits")
_TEXT: tuple[Part, ...] = ("text", "name", "limits")
_PLAIN = Reader("plain", "read_plain", ("text", "kind"))
_MARKDOWN = Reader("markdown", "read_markdown", ("text", "name"))
_TABLE = Reader("plain", "read_table", _TEXT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How a file is read: `media_type` is what the document is stored as, `kind` names the format."""

    kind: str
    media_type: str
    reader: Reader = _PLAIN


def _each(kind: str, media_type: str, names: str, reader: Reader = _PLAIN) -> dict[str, Format]:
    return {name: Format(kind=kind, media_type=media_type, reader=reader) for name in names.split()}


_OFFICE = "application/vnd.openxmlformats-officedocument."
_SLIDES = _OFFICE + "presentationml.presentation"
_CODE = (
    ".adoc .asciidoc .asm .awk .bash .bat .bazel .bicep .bzl .c .cc .cfg .clj .cljs .cmake .cmd .conf .cpp .cs .css "
    ".cue .cxx .d .dart .dhall .diff .dockerfile .el .elm .erl .ex .exs .fish .fs .fsx .gemspec .go .gotmpl .gradle "
    ".graphql .gql .groovy .h .hcl .hh .hpp .hrl .hs .hxx .ini .j2 .java .jenkinsfile .jinja .jinja2 .jl .js .jsonnet "
    ".jsx .kt .kts .less .libsonnet .lisp .lua .m .make .mk .ml .mli .mm .mod .nim .nix .nomad .patch .php .pl .pm "
    ".pp .properties .proto .ps1 .psd1 .psm1 .py .pyi .r .rb .rego .rs .sass .sbt .scala .scss .service .sh .sol .sql "
    ".star .sum .svelte .swift .tcl .tf .tfvars .thrift .tmpl .toml .tpl .ts .tsx .v .vb .vim .vue .xml .xsd .xsl "
    ".xslt .zig .zsh"
)
_BY_SUFFIX: dict[str, Format] = {
    **_each("markdown", "text/markdown", ".md .markdown .mdown .mkd .mdx .qmd .rmd", _MARKDOWN),
    **_each("rst", "text/x-rst", ".rst .rest"),
    **_each("text", "text/plain", ".txt .text .me .nfo .org .tex .textile .srt .vtt"),
    **_each("log", "text/plain", ".log .out .err .trace"),
    **_each("yaml", "application/yaml", ".yaml .yml"),
    **_each("json", "application/json", ".json .json5 .jsonc .geojson .har .tfstate .webmanifest"),
    **_each("jsonl", "application/jsonl", ".jsonl .ndjson"),
    **_each("table", "text/csv", ".csv", _TABLE),
    **_each("table", "text/tab-separated-values", ".tsv .tab", _TABLE),
    **_each("html", "text/html", ".html .htm .xhtml .shtml", Reader("html", "read_html", ("text", "limits"))),
    **_each("pdf", "application/pdf", ".pdf", Reader("pdf", "read_pdf", _FILE)),
    **_each("docx", _OFFICE + "wordprocessingml.document", ".docx .docm .dotx", Reader("docx", "read_docx", _FILE)),
    **_each("pptx", _SLIDES, ".pptx .pptm .ppsx .potx", Reader("pptx", "read_pptx", _FILE)),
    **_each("xlsx", _OFFICE + "spreadsheetml.sheet", ".xlsx .xlsm .xltx", Reader("xlsx", "read_xlsx", _FILE)),
    **_each("epub", "application/epub+zip", ".epub", Reader("epub", "read_epub", _FILE)),
    **_each("email", "message/rfc822", ".eml", Reader("email", "read_email", _FILE)),
    **_each("notebook", "application/x-ipynb+json", ".ipynb", Reader("notebook", "read_notebook", _TEXT)),
    **_each("code", "text/x-source", _CODE),
}
SUFFIXES: frozenset[str] = frozenset(_BY_SUFFIX)
"""File name endings that are read, lower case, with the dot."""

_BY_NAME: dict[str, Format] = {
    **_each(
        "code",
        "text/x-source",
        "dockerfile containerfile makefile gnumakefile jenkinsfile vagrantfile rakefile gemfile procfile brewfile "
        "justfile tiltfile earthfile cmakelists.txt build workspace codeowners go.mod go.sum caddyfile corefile "
        "helmfile pipfile requirements.txt .gitignore .dockerignore .gitattributes .helmignore .bashrc .profile",
    ),
    **_each("text", "text/plain", "readme license licence notice authors changelog changes contributing copying todo"),
}
_OTHER_MEDIA_TYPES = {
    "application/xhtml+xml": ".html",
    "text/x-markdown": ".md",
    "text/yaml": ".yaml",
    "text/x-yaml": ".yaml",
    "application/x-yaml": ".yaml",
    "application/x-ndjson": ".jsonl",
    "text/json": ".json",
    "text/prs.fallenstein.rst": ".rst",
}
_BY_MEDIA_TYPE: dict[str, Format] = {
    **{format.media_type: format for format in _BY_SUFFIX.values() if format.kind not in ("code", "log", "text")},
    **{media_type: _BY_SUFFIX[suffix] for media_type, suffix in _OTHER_MEDIA_TYPES.items()},
}
_LEGACY = {".doc": ".docx", ".xls": ".xlsx", ".ppt": ".pptx", ".odt": ".docx", ".ods": ".xlsx", ".odp": ".pptx"}
_BINARY_MAGIC = (
    b"\x7fELF", b"MZ", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf",
    b"Rar!\x1a", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\x00\x00\x01\x00", b"OggS", b"ID3", b"SQLite format 3\x00",
    b"\x28\xb5\x2f\xfd", b"wOFF", b"wOF2", b"\x00asm", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x80\x02}",
    b"\x93NUMPY", b"PK\x03\x04",
)  # fmt: skip
_RIFF = (b"WEBP", b"WAVE", b"AVI ")
_OTHER_KINDS = {
    "a picture": ".png .jpg .jpeg .jfif .gif .webp .bmp .tif .tiff .ico .icns .heic .heif .avif .psd",
    "an archive": ".zip .gz .tgz .bz2 .xz .zst .7z .rar .tar .jar .war .ear .whl .apk .deb .rpm .iso .dmg .cab .lz4",
    "a recording": ".mp3 .wav .ogg .flac .m4a .aac .opus .mp4 .m4v .mov .avi .mkv .webm .wmv",
    "a program": ".exe .dll .so .dylib .class .pyc .pyo .wasm .o .a .msi",
    "a font": ".ttf .otf .woff .woff2 .eot",
}
_NO_TEXT = {suffix: kind for kind, suffixes in _OTHER_KINDS.items() for suffix in suffixes.split()}
TEXT = Format(kind="text", media_type="text/plain")
PDF = _BY_SUFFIX[".pdf"]


def suffix_of(name: str) -> str:
    """The last ending of a file name in lower case, with the dot; "" when it has none."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower()


def by_name(name: str) -> Format | None:
    """The format a file name promises, or None when it promises none."""
    last = PurePosixPath(name.replace("\\", "/")).name.lower()
    if last in _BY_NAME:
        return _BY_NAME[last]
    if (found := _BY_SUFFIX.get(suffix_of(last))) is not None:
        return found
    # app.log.1 and Dockerfile.dev are named by what stands before the last dot.
    stem = PurePosixPath(last).stem
    if suffix_of(stem) == ".log" and suffix_of(last)[1:].isdigit():
        return _BY_SUFFIX[".log"]
    return _BY_NAME.get(stem) if stem in ("dockerfile", "jenkinsfile", "makefile") else None


def by_media_type(media_type: str | None) -> Format | None:
    """The format a Content-Type promises, or None for one that says nothing (octet-stream, text/plain)."""
    return _BY_MEDIA_TYPE.get((media_type or "").split(";")[0].strip().lower())


def by_content(path: Path, head: bytes) -> Format | None:
    """The format the first bytes give away; None when they do not (then it is text, or nothing we read)."""
    if head[:1024].lstrip().startswith(b"%PDF-"):
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return _inside_zip(path)
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return _BY_SUFFIX[".html"] if start.startswith((b"<!doctype html", b"<html")) else None


def replacement_for(name: str) -> str:
    """For an office format of the past, the ending to save the file as instead; "" for any other."""
    return _LEGACY.get(suffix_of(name), "")


def other_kind(name: str) -> str:
    """What a file of this name is that holds no text, as "a picture"; "" for any other name."""
    return _NO_TEXT.get(suffix_of(name), "")


def is_binary(head: bytes) -> bool:
    """Whether the first bytes are those of a program, picture, archive or database rather than of text."""
    known = head.startswith(_BINARY_MAGIC) or head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] in _RIFF)
    return known and b"\x00" in head  # a text may begin with "MZ" too


def _inside_zip(path: Path) -> Format | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist()[:1000])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return None
    for member, suffix in (
        ("word/", ".docx"),
        ("ppt/", ".pptx"),
        ("xl/", ".xlsx"),
        ("META-INF/container.xml", ".epub"),
    ):
        if any(name.startswith(member) for name in names):
            return _BY_SUFFIX[suffix]
    return None
