"""Hostile programs that really run, and what a sandbox must make of each."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.types import ExitReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Hostile:
    """A program and its outcome: the `reasons` any of which may be told, `says` what its stdout holds, `never` what
    neither stream may. A deadline of `timeout_s` is held to."""

    name: str
    code: str
    reasons: tuple[ExitReason, ...] = ("finished",)
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    language: str = "python"
    timeout_s: float = 10.0
    loses_state: bool = False


def _denied(name: str, body: str) -> Hostile:
    """A program that tries something and must be told no."""
    code = f"import ctypes, os, socket\nlibc = ctypes.CDLL(None, use_errno=True)\n{_HELPERS}\n{body}"
    return Hostile(name=name, code=code, never=("GOT IN",))


_HELPERS = """
def call(name, number, *given):
    got = libc.syscall(number, *given)
    print(name, 'GOT IN' if got >= 0 else 'denied', ctypes.get_errno())
def attempt(name, what):
    try:
        what(); print(name, 'GOT IN')
    except (OSError, PermissionError) as error:
        print(name, 'denied', error.errno)
"""

GREEDY = (
    Hostile(name="01 fork bomb", code="import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
            reasons=("timeout",), timeout_s=1.5, loses_state=True),
    Hostile(name="01b fork bomb of a shell", code=":(){ :|:& };:; while true; do :; done", language="shell",
            reasons=("timeout", "killed", "finished", "error"), timeout_s=1.5),
    Hostile(name="02 thread bomb", says=("no more",), code=(
        "import threading, time\nstop = threading.Event()\ntry:\n    for _ in range(500): "
        "threading.Thread(target=stop.wait, daemon=True).start()\nexcept RuntimeError: print('no more')\n"
        "finally: stop.set()")),
    Hostile(name="03 memory bomb", code="x = []\nwhile True: x.append(bytearray(8 * 1024 * 1024))",
            reasons=("memory",), loses_state=True),
    Hostile(name="03b memory bomb of a child", language="shell", reasons=("memory",),
            code="python3 -c 'x = []\nwhile True: x.append(bytearray(8 * 1024 * 1024))'"),
    Hostile(name="05 fills its folder",
        says=("28",),
        code=(
            "import os\ntry:\n    for n in ('a', 'b', 'c'):\n        with open(f'/work/fill-{n}', 'wb', buffering=0) as f:\n"
            "            for _ in range(20): f.write(bytes(1 << 20)) == 1 << 20 or f.write(b'x')\n"
            "except OSError as e: print(e.errno)\n[os.remove(n) for n in os.listdir('.') if n.startswith('fill')]"
        ),
    ),
    Hostile(name="06 fills shared memory", says=("28",), code=(
        "import os\ntry:\n    f = open('/dev/shm/fill', 'wb', buffering=0)\n    while True: f.write(bytes(1 << 20)) or 1\n"
        "    \nexcept OSError as e: print(e.errno)\nf.close(); os.remove('/dev/shm/fill')"), reasons=("finished", "timeout")),
    Hostile(name="07 writes to the root", says=("30 30 30 30",), code=(
        "out = []\nfor p in ('/x', '/usr/x', '/etc/passwd', '/opt/x'):\n    try: open(p, 'w')\n"
        "    except OSError as e: out.append('30' if e.errno in (30, 13, 2) else str(e.errno))\nprint(' '.join(out))")),
    Hostile(name="08 inode bomb", says=("28",), code=(
        "import os, shutil\nos.mkdir('many')\ntry:\n    for i in range(100000): open(f'many/{i}', 'w').close()\n"
        "except OSError as e: print(e.errno)\nshutil.rmtree('many')")),
    Hostile(name="09 sparse file of a terabyte", says=("27",), code=(
        "import signal, os\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\ntry: open('sparse', 'wb').truncate(1 << 40)\n"
        "except OSError as e: print(e.errno)\nos.remove('sparse')")),
    Hostile(name="10 spins", code="while True: pass", reasons=("timeout",), timeout_s=1.0, loses_state=True),
    Hostile(name="11 ignores signals", reasons=("timeout",), timeout_s=1.0, loses_state=True, code=(
        "import signal\nfor n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(n, signal.SIG_IGN)\n"
        "while True:\n    try: signal.pause()\n    except BaseException: pass")),
    Hostile(name="12 sleeps for ever", code="sleep infinity", language="shell", reasons=("timeout",), timeout_s=1.0),
    Hostile(name="12b waits for input that never comes", code="input()", reasons=("error",)),
    Hostile(name="15 floods stdout", code="while True: print('x' * 10000)", reasons=("output_limit",), timeout_s=20.0,
            loses_state=True),
    Hostile(name="15b floods stderr from a shell", code="while true; do echo flood >&2; done | cat; yes >&2",
            language="shell", reasons=("output_limit", "timeout"), timeout_s=3.0),
    Hostile(name="16 a line of five megabytes", code="print('begin' + 'a' * 5_000_000 + 'end')",
            says=("begin", "end", "bytes left out")),
    Hostile(name="21 recursion without end", reasons=("memory", "error"), timeout_s=20.0, code=(
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(n): return [f(n + 1)]\nf(0)")),
    Hostile(name="22 opens files without end", says=("24",), code=(
        "import os\nopened = []\ntry:\n    while True: opened.append(os.open('/dev/null', 0))\n"
        "except OSError as e: print(e.errno)\nfor fd in opened: os.close(fd)")),
)  # fmt: skip

OUTLIVING = (
    Hostile(name="13 a daemon that outlives its run", code=(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n"
        "    os._exit(0)\nprint('parent done')"), says=("parent done",)),
    Hostile(name="14 a daemon that holds stdout", code="(sleep 600) & echo done", language="shell", says=("done",),
            timeout_s=5.0),
    Hostile(name="14b the same, beyond every signal", language="shell", says=("done",), timeout_s=5.0,
            code="trap '' TERM HUP INT; setsid nohup sh -c 'while :; do sleep 1; done' & echo done"),
    Hostile(name="43 kills everything", code="import os, signal\ntry: os.kill(-1, signal.SIGKILL)\nexcept ProcessLookupError: pass\nprint('still here')",
            says=("still here",)),
    Hostile(name="43b kills everything, from a shell", code="kill -9 -1; echo still here", language="shell",
            reasons=("finished", "killed", "error")),
)  # fmt: skip

POISON = (
    Hostile(name="17 bytes that are no text", code=(
        "import os\nos.write(1, b'\\x00\\xff\\xfe\\x1b[31m\\x1b]0;title\\x07\\xc3')"), says=("\ufffd",)),
    Hostile(name="18 forges the end of a run", says=("finished",), code=(
        "import os, json, struct\nhead = json.dumps({'ev': 'finished', 'id': 1, 'nonce': '', 'reason': 'memory'}).encode()\n"
        "os.write(1, struct.pack('>II', len(head), 0) + head)\nfor fd in range(3, 256):\n"
        "    try: os.write(fd, b'D' + (3).to_bytes(4, 'big') + b'\\n99')\n    except OSError: pass\nprint('real end')")),
    Hostile(name="18b writes to the descriptors of the first process", never=("GOT IN",), code=(
        "import os\nfor fd in range(16):\n    try:\n        open(f'/proc/1/fd/{fd}', 'wb').write(b'x'); print('GOT IN')\n"
        "    except OSError as e: pass")),
    Hostile(name="19 overwrites what others need", reasons=("finished", "error"), code=(
        "import sys, builtins, json, os\nsys.stdout = None; sys.displayhook = None\njson.dumps = json.loads = None\n"
        "os.read = os.write = None\nfor n in list(vars(builtins)):\n    if not n.startswith('_'): setattr(builtins, n, None)")),
    Hostile(name="20 leaves at once", code="import os; os._exit(3)", reasons=("error",), loses_state=True),
    Hostile(name="20b exits", code="import sys; sys.exit(3)", reasons=("error",)),
    Hostile(name="20c crashes", code="import ctypes; ctypes.string_at(0)", reasons=("error",), loses_state=True),
    Hostile(name="20d interrupts itself", code="raise KeyboardInterrupt", reasons=("error",)),
    Hostile(name="55 code that quotes badly", says=("it's \"fine\" $HOME `id` \\",), code=(
        "#!/bin/false\r\nprint('it\\'s \"fine\" $HOME `id` \\\\')\r\nif True:\r\n\tpass")),
    Hostile(name="55b a source of two megabytes", code="x = '" + "a" * 2_000_000 + "'\nprint(len(x))", says=("2000000",)),
    Hostile(name="56 a result that is a bomb", says=("survived",), timeout_s=20.0, code=(
        "class Bomb:\n    def _repr_mimebundle_(self, *a, **k):\n"
        "        deep = {}\n        for _ in range(900): deep = {'a': deep}\n"
        "        return {'application/json': deep, 'text/html': 'x' * 9_000_000, 'text/plain': 'bomb'}\n"
        "from IPython.display import display\ndisplay(Bomb())\nprint('survived')")),
)  # fmt: skip

INTRUDING = (
    _denied("23 reaches for the internet", "attempt('tcp', lambda: socket.create_connection(('1.1.1.1', 80), 2))\n"
            "attempt('udp', lambda: socket.socket(2, 2).sendto(b'x', ('8.8.8.8', 53)))"),
    _denied("24 asks for a name", "attempt('dns', lambda: socket.getaddrinfo('example.com', 80))"),
    _denied("25 reaches for metadata, host and neighbours", "for host in ('169.254.169.254', '172.17.0.1', '127.0.0.1', "
            "'10.0.0.1'):\n    for port in (80, 2375, 5432, 8000):\n"
            "        attempt(f'{host}:{port}', lambda: socket.create_connection((host, port), 1))"),
    _denied("26 raw sockets", "attempt('packet', lambda: socket.socket(17, 3))\n"
            "attempt('raw', lambda: socket.socket(2, 3, 1))"),
    _denied("27 reaches for the hypervisor", "attempt('vsock', lambda: socket.socket(40, 1))"),
    _denied("28 speaks to the kernel's modules", "attempt('alg', lambda: socket.socket(38, 5))\n"
            "attempt('netlink', lambda: socket.socket(16, 3))"),
    _denied("29 looks for an engine's socket", "import glob\nfound = [p for pattern in ('/run/**/*.sock', "
            "'/var/run/**/*.sock', '/run/docker*', '/run/containerd*') for p in glob.glob(pattern, recursive=True)]\n"
            "print('GOT IN' if found else 'none', found)"),
    _denied("30 looks for secrets in environments", "text = ' '.join(f'{k}={v}' for k, v in os.environ.items())\n"
            "print('GOT IN' if any(w in text.upper() for w in ('TOKEN', 'SECRET', 'PASSWORD', 'CHATBOT')) else 'none')\n"
            "attempt('environ of 1', lambda: open('/proc/1/environ').read(1))"),
    _denied("31 reads the first process", "attempt('mem', lambda: open('/proc/1/mem', 'rb').read(1))\n"
            "attempt('maps', lambda: open('/proc/1/maps').read(1))\ncall('process_vm_readv', 310, 1, 0, 0, 0, 0, 0)"),
    _denied("32 attaches to the first process", "call('ptrace', 101, 16, 1, 0, 0)\ncall('ptrace seize', 101, 0x4206, 1, 0, 0)"),
    _denied("33 sets up io_uring", "buffer = ctypes.create_string_buffer(256)\ncall('io_uring', 425, 8, buffer)"),
    _denied("34 makes and enters namespaces", "for flag in (0x10000000, 0x40000000, 0x20000, 0x20000000, 0x8000000):\n"
            "    call(f'unshare {flag:x}', 272, flag)\ncall('mount', 165, b'none', b'/tmp', b'tmpfs', 0, 0)\n"
            "call('umount', 166, b'/work', 2)\ncall('pivot_root', 155, b'/', b'/tmp')\nattempt('chroot', lambda: os.chroot('/tmp'))\n"
            "call('clone', 56, 0x10000000 | 17, 0, 0, 0, 0)\ncall('fsopen', 430, b'tmpfs', 0)\n"
            "fd = os.open('/proc/self/ns/net', 0)\ncall('setns', 308, fd, 0)\nos.close(fd)"),
    _denied("35 forbidden calls", "b = ctypes.create_string_buffer(256)\n"
            "for name, number, *given in (('bpf', 321, 0, b, 128), ('perf', 298, b, 0, -1, -1, 0), ('userfaultfd', 323, 0), "
            "('keyctl', 250, 0, 0), ('add_key', 248, b'user', b'x', b'y', 1, -1), ('kexec', 246, 0, 0, 0, 0), "
            "('init_module', 175, b, 1, b''), ('reboot', 169, 0xfee1dead, 672274793, 0), ('settime', 227, 0, b), "
            "('sethostname', 170, b'x', 1), ('swapon', 167, b'/x', 0), ('acct', 163, b'/x'), ('quotactl', 179, 0, 0, 0, 0), "
            "('syslog', 103, 3, b, 10), ('iopl', 172, 3), ('modify_ldt', 154, 0, b, 10)):\n    call(name, number, *given)"),
    _denied("36 clone3", "b = ctypes.create_string_buffer(88)\ncall('clone3', 435, b, 88)"),
    _denied("37 devices, other users, handles", "attempt('block', lambda: os.mknod('/work/sda', 0o60666, os.makedev(8, 0)))\n"
            "attempt('memory', lambda: os.mknod('/work/mem', 0o20666, os.makedev(1, 1)))\nattempt('setuid', lambda: os.setuid(0))\n"
            "attempt('setgroups', lambda: os.setgroups([0]))\ncall('handle', 304, -100, b'x', 0)"),
    _denied("38 looks for programs with their owner's rights", "import stat\nfound = []\n"
            "for folder in ('/usr/bin', '/usr/sbin', '/usr/lib/openssh', '/usr/libexec'):\n"
            "    for e in (os.scandir(folder) if os.path.isdir(folder) else ()):\n"
            "        if e.is_file(follow_symlinks=False) and e.stat().st_mode & 0o6000: found.append(e.path)\n"
            "status = open('/proc/self/status').read()\n"
            "print('GOT IN' if found or 'NoNewPrivs:\\t1' not in status or 'CapBnd:\\t0000000000000000' not in status else 'none', found)"),
    _denied("39 the kernel's levers", "for path in ('/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', "
            "'/sys/kernel/uevent_helper', '/proc/sys/vm/overcommit_memory', '/sys/power/state'):\n"
            "    attempt(path, lambda: open(path, 'w'))\n"
            "for path in ('/proc/kcore', '/dev/mem', '/dev/kmsg', '/dev/kvm', '/dev/fuse', '/dev/net/tun'):\n"
            "    attempt(path, lambda: open(path, 'rb').read(1) or 1/0)"),
    _denied("40 control groups", "for base, folders, files in os.walk('/sys/fs/cgroup'):\n    for name in files:\n"
            "        if os.access(os.path.join(base, name), os.W_OK):\n"
            "            attempt(name, lambda: open(os.path.join(base, name), 'w'))\n"
            "attempt('release_agent', lambda: open('/sys/fs/cgroup/memory/release_agent', 'w'))"),
    _denied("41 looks for descriptors left open", "left = []\nfor fd in map(int, os.listdir('/proc/self/fd')):\n    try:\n"
            "        where = os.readlink(f'/proc/self/fd/{fd}')\n    except OSError: continue\n"
            "    if fd > 2 and not where.startswith(('socket:', 'pipe:', 'anon_inode:', '/proc', '/usr', '/work', '/dev/null', '/memfd:')): left.append(where)\n"
            "print('GOT IN' if left else 'none', left)"),
    _denied("42 executes what it dropped in /tmp", "open('/tmp/x.sh', 'w').write('#!/bin/sh\\necho GOT IN')\nos.chmod('/tmp/x.sh', 0o755)\n"
            "import subprocess\nattempt('exec', lambda: subprocess.run(['/tmp/x.sh'], check=True))"),
    _denied("34b mounts by the tools", "import subprocess\nfor tool in (['mount', '-t', 'tmpfs', 'x', '/tmp'], ['unshare', '-r', 'true'], "
            "['chroot', '/tmp', 'true']):\n"
            "    done = subprocess.run(['sh', '-c', 'PATH=$PATH:/sbin:/usr/sbin; \"$@\"', 'x', *tool], capture_output=True)\n"
            "    print(tool, 'GOT IN' if done.returncode == 0 else 'denied')"),
)  # fmt: skip

ALL = (*GREEDY, *OUTLIVING, *POISON, *INTRUDING)
"""All of them."""

OVER_S = 0.3
MOST_OUTPUT = 1_500_000


def faults(program: Hostile, reason: str, seconds: float, output: str) -> list[str]:
    """What is wrong with an outcome, as the benches tell it of ours and of others."""
    found = [] if reason in program.reasons else [f"told as {reason}, not {' or '.join(program.reasons)}"]
    if seconds > program.timeout_s + OVER_S:
        found.append(f"took {seconds:.1f} s of {program.timeout_s:g}")
    found += [f"did not say {text!r}" for text in program.says if text not in output and text != reason]
    found += [f"got through: {text!r}" for text in program.never if text in output]
    if len(output) > MOST_OUTPUT:
        found.append(f"{len(output):,} characters of output")
    return found
