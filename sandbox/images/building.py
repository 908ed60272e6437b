"""Builds images, with the tools of the machine: an engine, or Debian's mmdebstrap."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox.docker.adapter import IMAGE_LANGUAGES
from sandbox.errors import BuildFailed
from sandbox.images.recipe import FOLDER, debian_command, image_name, in_order, toolchains

Say = Callable[[str], None]
BUILD_SECONDS = 3600
_NO_MMDEBSTRAP = (
    "mmdebstrap is not installed; on Debian: apt-get install mmdebstrap. (It builds the image from Debian packages.)"
)


def build_archive(archive: Path, languages: Sequence[str], say: Say) -> None:
    """The image's file system as a tar archive, from Debian packages. Raises BuildFailed."""
    if shutil.which("mmdebstrap") is None:
        raise BuildFailed(_NO_MMDEBSTRAP)
    mode = "root" if os.geteuid() == 0 else "unshare"
    say(f"Installing Debian packages for {', '.join(in_order(languages))} …")
    command = debian_command(archive, in_order(languages), mode)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode != 0:
        archive.unlink(missing_ok=True)
        raise BuildFailed(f"mmdebstrap failed: {' '.join(done.stderr.split())[-1500:]}")


def import_archive(archive: Path, languages: Sequence[str], host: str, say: Say) -> str:
    """Give the archive to the engine; returns the image's name. Raises BuildFailed."""
    name = image_name(in_order(languages))
    repository, _, tag = name.partition(":")
    changes = ["USER 1000:1000", "WORKDIR /work", f"LABEL {IMAGE_LANGUAGES}={','.join(in_order(languages))}"]
    say(f"Handing the image {name} to the engine …")
    with _engine(host) as engine:
        engine.import_image_from_file(str(archive), repository=repository, tag=tag, changes=changes)
        engine.inspect_image(name)
    return name


def build_public(languages: Sequence[str], host: str, say: Say) -> str:
    """Build the image on its public base with the engine; returns its name. Raises BuildFailed."""
    chosen = in_order(languages)
    name = image_name(chosen)
    arguments = {"PACKAGES": " ".join(toolchains(chosen)), "LANGUAGES": ",".join(chosen)}
    say(f"Building {name} from {FOLDER / 'Dockerfile'} …")
    with _engine(host) as engine:
        for line in engine.build(path=str(FOLDER), tag=name, rm=True, decode=True, buildargs=arguments):
            if "error" in line:
                raise BuildFailed(str(line["error"])[:1500])
            if text := str(line.get("stream", "")).strip():
                say(text[:300])
    return name


def unpack_root(archive: Path, root: Path, say: Say) -> None:
    """The archive as a folder for jails, whole or not at all. Devices are left out: a jail gets its own."""
    say(f"Unpacking into {root} …")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".unpacking-") as folder:
        command = ["tar", "-x", "-f", str(archive), "-C", folder, "--no-same-owner", "--exclude=./dev/*"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildFailed(f"tar failed: {done.stderr[-1000:]}")
        Path(folder).chmod(0o755)
        if root.exists():
            shutil.rmtree(root)
        os.rename(folder, root)
        os.mkdir(folder)  # for the context manager to remove


def prune(host: str, roots: Path, keep: Sequence[str], say: Say) -> int:
    """Remove images and roots that no recipe of this version makes, unless they are in `keep`; returns how many."""
    from docker.errors import APIError

    removed = 0
    if roots.is_dir():
        for each in roots.iterdir():
            if each.name not in keep:
                shutil.rmtree(each, ignore_errors=True)
                say(f"Removed {each}")
                removed += 1
    try:
        with _engine(host) as engine:
            for image in engine.images(filters={"label": IMAGE_LANGUAGES}):
                names = [
                    name for name in image.get("RepoTags") or () if name.startswith(image_name().partition(":")[0])
                ]
                for name in names:
                    if name.partition(":")[2] not in keep:
                        try:
                            engine.remove_image(name)
                        except APIError:
                            continue  # a session still uses it
                        say(f"Removed {name}")
                        removed += 1
    except BuildFailed:
        pass  # no engine, no images
    return removed


class _engine:
    """A client for long calls, closed afterwards; what the engine refuses is a BuildFailed."""

    def __init__(self, host: str) -> None:
        self._host = host

    def __enter__(self) -> Any:
        from docker.api.client import APIClient
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env

        given = {"base_url": self._host} if self._host else kwargs_from_env()
        try:
            self._client = APIClient(**given, version="auto", timeout=BUILD_SECONDS)
        except (DockerException, OSError) as error:
            raise BuildFailed(f"No Docker engine answers: {' '.join(str(error).split())[:300]}") from None
        return self._client

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from docker.errors import DockerException

        self._client.close()
        if isinstance(error, DockerException | OSError):
            raise BuildFailed(f"The engine refused: {' '.join(str(error).split())[:1000]}") from None
