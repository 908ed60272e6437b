"""The recipe of the image from Debian packages alone: one file system, for an engine and for jails."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sandbox.languages import LANGUAGES

SUITE = "bookworm"
NAME = "devops-chatbot-sandbox"
FOLDER = Path(__file__).resolve().parent

PYTHON = (
    "python3",
    "python3-ipython=8.5.0-*",
    "python3-pandas=1.5.3+dfsg-*",
    "python3-numpy=1:1.24.2-*",
    "python3-matplotlib=3.6.3-*",
    "python3-openpyxl=3.0.9-*",
    "python3-requests=2.28.1+dfsg-*",
    "python3-pytest=7.2.1-*",
    "python3-pip=23.0.1+dfsg-*",
    "fonts-droid-fallback",
)
"""Pinned to what the release holds: its security updates change the last part alone."""

DEFAULT_LANGUAGES = ("python", "shell", "javascript", "cpp")

_LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*",
    "/usr/share/javascript/*", "/usr/share/unicode/*", "/usr/include/boost/*", "/usr/share/gdb/*",
    "/usr/lib/python3/dist-packages/pythran/*", "/usr/lib/python3/dist-packages/sympy/*",
    "/usr/lib/gcc/x86_64-linux-gnu/12/lto-dump*", "/usr/bin/*lto-dump*", "/usr/lib/x86_64-linux-gnu/lib[atl]san*",
)  # fmt: skip
_KEPT = ("/usr/share/doc/*/copyright",)

# Every package would compile its modules by itself, one interpreter each; once at the end takes a tenth of the time.
_BEFORE = (
    'mkdir -p "$1/usr/share/man/man1"; '
    'chroot "$1" dpkg-divert --quiet --add --rename --divert /usr/bin/py3compile.real /usr/bin/py3compile; '
    'ln -s /bin/true "$1/usr/bin/py3compile"'
)
_AFTER = (
    'rm "$1/usr/bin/py3compile"; '
    'chroot "$1" dpkg-divert --quiet --remove --rename --divert /usr/bin/py3compile.real /usr/bin/py3compile',
    'find "$1/usr/lib/python3/dist-packages" -type d -name tests -prune -exec rm -rf {} +',
    'chroot "$1" python3 -m compileall -q -j 0 /usr/lib/python3.11 /usr/lib/python3/dist-packages >/dev/null || true',
    'rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*',
    'find "$1" -xdev -type f -perm /6000 -exec chmod a-s {} +',
    'mkdir -p "$1/work"; chmod 1777 "$1/work" "$1/tmp"',
    'echo "sandbox:x:1000:1000::/work:/bin/bash" >> "$1/etc/passwd"; echo "sandbox:x:1000:" >> "$1/etc/group"',
    'echo "font.family: DejaVu Sans, Droid Sans Fallback" >> "$1/etc/matplotlibrc"',
)


def packages(languages: Sequence[str]) -> list[str]:
    """What is installed for these languages."""
    return [*PYTHON, *toolchains(languages)]


def toolchains(languages: Sequence[str]) -> list[str]:
    """What is installed for these languages besides what every image has."""
    return [each for name in languages if name in LANGUAGES for each in LANGUAGES[name].packages]


def debian_command(archive: Path, languages: Sequence[str], mode: str) -> list[str]:
    """What builds the file system as a tar archive; `mode` is `root`, or `unshare` for everybody else."""
    command = ["mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=tar", "--quiet"]
    command += [
        "--aptopt=APT::Install-Recommends false",
        "--aptopt=Acquire::Languages none",
        "--dpkgopt=force-unsafe-io",
    ]
    command += [f"--dpkgopt=path-exclude={each}" for each in _LEFT_OUT]
    command += [f"--dpkgopt=path-include={each}" for each in _KEPT]
    command += [f"--essential-hook={_BEFORE}", *(f"--customize-hook={each}" for each in _AFTER)]
    return [*command, f"--include={','.join(packages(languages))}", SUITE, str(archive)]


def recipe_id(languages: Sequence[str]) -> str:
    """Twelve digits that change with anything an image is made of."""
    lock = (FOLDER / "requirements.lock").read_bytes() + (FOLDER / "Dockerfile").read_bytes()
    text = "\n".join(debian_command(Path("-"), languages, "root"))
    return hashlib.sha256(text.encode() + lock).hexdigest()[:12]


def image_name(languages: Sequence[str] = DEFAULT_LANGUAGES) -> str:
    """The image of these languages, of this version of the recipes."""
    return f"{NAME}:{recipe_id(languages)}"


def in_order(languages: Sequence[str]) -> tuple[str, ...]:
    """These languages in the order of the registry, Python and shell always among them."""
    wanted = {"python", "shell", *languages}
    return tuple(name for name in LANGUAGES if name in wanted)
