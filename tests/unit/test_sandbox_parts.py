"""Parts of the sandbox that need no engine: policy, control groups, lifetimes, languages, what is shown."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from sandbox.artifacts import media_type_of, shown
from sandbox.boot import agent_source
from sandbox.bubblewrap.cgroups import Cgroup, find_roots, group_name, left_behind
from sandbox.config import SandboxLimits
from sandbox.images.recipe import debian_command, image_name, in_order
from sandbox.languages import LANGUAGES, aliases_of, find_language
from sandbox.seccomp.docker_profile import docker_profile
from sandbox.seccomp.filter_program import filter_program
from sandbox.seccomp.numbers import NUMBERS, X86_64
from sandbox.seccomp.policy import ALLOWED

FORBIDDEN = (
    "ptrace",
    "io_uring_setup",
    "process_vm_readv",
    "mount",
    "unshare",
    "setns",
    "bpf",
    "keyctl",
    "userfaultfd",
)


def judge(program: bytes, number: int, argument: int = 0, arch: int = X86_64) -> int:
    """What the kernel's filter machine answers to a system call."""
    data, accumulator, at = {0: number, 4: arch, 16: argument}, 0, 0
    steps = [struct.unpack_from("=HBBI", program, offset) for offset in range(0, len(program), 8)]
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x20:
            accumulator = data[value]
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += if_true if holds else if_false


ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x50001, 0x50026


def test_the_filter_allows_what_the_policy_names_and_nothing_else() -> None:
    program = filter_program("x86_64")
    allowed = {NUMBERS[name][0] for name in ALLOWED}
    for number in range(600):
        expected = ALLOW if number in allowed else EPERM
        if number not in {NUMBERS[name][0] for name in ("socket", "clone", "clone3", "personality")}:
            assert judge(program, number) == expected, number
    assert judge(program, 0x40000000) == EPERM
    assert judge(program, 0, arch=0x40000003) == 0x80000000


@pytest.mark.parametrize(("name", "argument", "answer"), [
    ("socket", 1, ALLOW), ("socket", 2, ALLOW), ("socket", 40, EPERM), ("socket", 38, EPERM), ("socket", 16, EPERM),
    ("clone", 0x11, ALLOW), ("clone", 0x10000011, EPERM), ("clone3", 0, ENOSYS), ("personality", 0, ALLOW),
    ("personality", 0x40000, EPERM),
])  # fmt: skip
def test_some_calls_depend_on_what_they_ask(name: str, argument: int, answer: int) -> None:
    number = NUMBERS[name][0]
    assert number is not None
    assert judge(filter_program("x86_64"), number, argument) == answer


def test_the_profile_says_the_same() -> None:
    profile = json.loads(docker_profile())
    named = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert not named & set(FORBIDDEN)
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert filter_program("aarch64")
    assert filter_program("riscv64") == b""


def test_groups_of_version_two_are_found_limited_and_removed(tmp_path: Path) -> None:
    mount, own = tmp_path / "cgroup", tmp_path / "own"
    user = mount / "user.slice" / "session"
    user.mkdir(parents=True)
    own.write_text("0::/user.slice/session\n")
    for folder, given in ((mount, ""), (mount / "user.slice", "memory pids cpu"), (user, "")):
        (folder / "cgroup.controllers").write_text("cpu memory pids")
        (folder / "cgroup.subtree_control").write_text(given)
        (folder / "cgroup.procs").write_text("")
    roots = find_roots(mount, own)
    assert roots is not None
    assert roots.unified
    assert roots.controllers == {"memory", "pids", "cpu"}
    group = Cgroup(roots, group_name("home", "dead", "s"), SandboxLimits(memory_bytes=1 << 20, processes=16, cpus=0.5))
    made = mount / "user.slice" / group_name("home", "dead", "s")
    assert (made / "memory.max").read_text() == str(1 << 20)
    assert (made / "pids.max").read_text() == "16"
    assert (made / "cpu.max").read_text() == "10000 20000"
    (made / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    assert group.oom_kills() == 1
    assert list(left_behind(roots, "home", {"alive"})) == [made]
    assert list(left_behind(roots, "home", {"dead"})) == []
    assert list(left_behind(roots, "other", set())) == []


def test_without_a_group_of_our_own_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/\n")
    assert find_roots(tmp_path, tmp_path / "own") is None
    assert find_roots(tmp_path, tmp_path / "nothing") is None


@pytest.mark.parametrize(("code", "name"), [
    ("public class Hello { }", "Hello"), ("// public class No\nclass Yes {}", "Yes"), ("int x;", "Main"),
    ("public final class A {} class B {}", "A"), ("record P(int x) {}", "P"),
])  # fmt: skip
def test_a_java_file_is_named_after_its_class(code: str, name: str) -> None:
    assert LANGUAGES["java"].file(code) == f"{name}.java"


def test_languages_by_their_other_names() -> None:
    assert {find_language(name).name for name in ("PY", "bash", "Node", "c++", "golang")} == {  # type: ignore[union-attr]
        "python", "shell", "javascript", "cpp", "go",
    }  # fmt: skip
    assert find_language("cobol") is None
    assert aliases_of(("go", "cpp")) == {"golang": "go", "c++": "cpp", "cc": "cpp", "cxx": "cpp"}


@pytest.mark.parametrize("payload", [
    b"", b"[]", b"{}", b'{"data": 1, "is_result": true}', b'{"data": {"a": 1.5}, "is_result": true}', b"[" * 100_000,
    b'{"data": {"a": ' + b'{"x":' * 50 + b"1" + b"}" * 50 + b'}, "is_result": false}', b"\xff",
])  # fmt: skip
def test_what_is_not_of_the_agreed_shape_is_not_shown(payload: bytes) -> None:
    assert shown(payload) is None


def test_what_is_shown_is_text_that_can_be_passed_on() -> None:
    found = shown(b'{"data": {"text/plain": "\\ud800", "b": ["x", null]}, "is_result": true, "path": "p"}')
    assert found is not None
    assert (found.data["text/plain"], found.data["b"], found.is_result) == ("?", ["x", None], True)


@pytest.mark.parametrize(("path", "kind"), [
    ("a.csv", "text/csv"), ("b.png", "image/png"), ("c", "application/octet-stream"), ("d.MD", "text/markdown"),
])  # fmt: skip
def test_media_types_by_name(path: str, kind: str) -> None:
    assert media_type_of(path) == kind


def test_an_image_is_named_by_what_it_is_made_of() -> None:
    assert image_name(("python", "shell")) != image_name(("python", "shell", "go"))
    assert in_order(("go",)) == ("python", "shell", "go")
    command = debian_command(Path("x.tar"), ("python", "java"), "unshare")
    assert any("openjdk" in each for each in command)
    assert compile(agent_source(), "agent", "exec")
