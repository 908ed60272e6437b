"""The Python of a session: an IPython shell that reads code from the agent's channel and keeps its variables.

Whatever the code does to `sys`, `builtins` or `json` must not reach the next run: what this file needs it holds itself.
"""

import builtins
import ctypes
import os
import signal
import struct
import sys
import types

_HEAD = struct.Struct(">II")
_REPAIRED = ("print", "input", "open", "len", "repr", "__import__", "exec", "eval", "compile", "isinstance", "str")
_MOST = 4 * 1024 * 1024
_ROWS = 200
_FILES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg", "text/html": "html"}
_TABLE = "application/vnd.devops-chatbot.table+json"


class Channel:
    """The way to the agent: messages of a kind, a length and bytes, each under the name of the run it belongs to."""

    def __init__(self, fd):
        self.fd = fd
        self.token = b""
        self.lock = __import__("threading").RLock()

    def read(self, size, read=os.read):
        data = bytearray()
        while len(data) < size:
            part = read(self.fd, min(65536, size - len(data)))
            if not part:
                os._exit(0)
            data += part
        return bytes(data)

    def say(self, kind, body, write=os.write, view=memoryview, exit=os._exit):
        message = kind + (len(body)).to_bytes(4, "big") + body
        with self.lock:
            rest = view(message)
            try:
                while rest:
                    rest = rest[write(self.fd, rest) :]
            except OSError:
                exit(70)

    def about_run(self, kind, body):
        self.say(kind, self.token + b"\n" + body)


class Display:
    """What a run shows, as JSON; pictures and pages also as files in `outputs`, where they can be fetched."""

    def __init__(self, channel):
        import base64
        import json

        self.channel = channel
        self.encode = json.JSONEncoder(ensure_ascii=True, default=str).encode
        self.base64 = base64.b64encode
        self.count = 0

    def show(self, data, is_result=False):
        bundle = {}
        for kind, value in data.items():
            if isinstance(value, bytes):
                value = self.base64(value).decode()
            if isinstance(kind, str) and ((isinstance(value, str) and len(value) <= _MOST) or isinstance(value, dict)):
                bundle[kind[:100]] = value
        path = self.store(data)
        body = self.encode({"data": bundle, "is_result": is_result, "path": path}).encode()
        if len(body) <= 2 * _MOST:
            self.channel.about_run(b"S", body)

    def store(self, data):
        kind = next((each for each in ("image/png", "image/jpeg", "image/svg+xml") if each in data), "")
        if not kind:
            return ""
        content = data[kind]
        try:
            if isinstance(content, str):
                content = content.encode() if kind == "image/svg+xml" else __import__("base64").b64decode(content)
            os.makedirs("/work/outputs", exist_ok=True)
            while True:
                self.count += 1
                path = f"outputs/figure-{self.count}.{_FILES[kind]}"
                try:
                    fd = os.open(f"/work/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
                    break
                except FileExistsError:
                    continue
            with os.fdopen(fd, "wb") as file:
                file.write(content)
            return path
        except (OSError, ValueError):
            return ""


def make_ipython(display):
    """An IPython shell without terminal, history or colours, whose output goes through `display`."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, source=None, *, transient=None, update=False, **_):
            display.show(data)

        def clear_output(self, wait=False):
            pass

    class Hook(DisplayHook):
        def start_displayhook(self):
            self.bundle = {}

        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            self.bundle = dict(format_dict)

        def finish_displayhook(self):
            display.show(self.bundle, is_result=True)

    class Shell(InteractiveShell):
        system = InteractiveShell.system_raw  # the other way takes a terminal, and there is none

        def _showtraceback(self, etype, evalue, stb):
            sys.stderr.write(self.InteractiveTB.stb2text(stb) + "\n")
            sys.stderr.flush()

        def enable_gui(self, gui=None):
            pass

        def ask_exit(self):
            pass

    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "NoColor"
    settings.InteractiveShell.display_pub_class = Publisher
    settings.InteractiveShell.displayhook_class = Hook
    settings.InteractiveShell.automagic = False
    settings.InteractiveShell.autocall = 0
    shell = Shell.instance(config=settings, display_pub_class=Publisher, displayhook_class=Hook)
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    add_tables(shell)

    def run(code):
        outcome = shell.run_cell(code, store_history=True)
        error = outcome.error_before_exec or outcome.error_in_exec
        return exit_code(error) if error is not None else 0

    return run


def add_tables(shell):
    """Tables of pandas also as their first rows, which a page can draw without running what they hold."""
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class TableFormatter(BaseFormatter):
        format_type = Unicode(_TABLE)
        print_method = ObjectName("_repr_devops_chatbot_table_")
        _return_type = dict

    formatter = TableFormatter(parent=shell.display_formatter)
    shell.display_formatter.formatters[_TABLE] = formatter
    formatter.for_type_by_name("pandas.core.frame", "DataFrame", rows_of)
    formatter.for_type_by_name("pandas.core.series", "Series", lambda series: rows_of(series.to_frame()))


def rows_of(frame):
    first = frame.iloc[:_ROWS, :50]
    cells = [
        [str(index)] + [str(value)[:500] for value in row]
        for index, row in zip(first.index, first.values.tolist(), strict=True)
    ]
    return {"columns": [""] + [str(name)[:200] for name in first.columns], "rows": cells, "total": len(frame)}


def make_plain(display):
    """The same without IPython: statements, and the value of the last expression."""
    import ast
    import linecache
    import traceback

    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    count = 0

    def run(code):
        nonlocal count
        count += 1
        name = f"<cell {count}>"
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        try:
            tree = ast.parse(code, name)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), module.__dict__)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), name, "eval"), module.__dict__)
                if value is not None:
                    module._ = value
                    display.show({"text/plain": repr(value)}, is_result=True)
        except BaseException as error:
            shown = error.__traceback__.tb_next if error.__traceback__ else None
            if not isinstance(error, SystemExit):
                traceback.print_exception(type(error), error, shown)
            return exit_code(error)
        return 0

    return run


def exit_code(error):
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        return error.code & 255 if isinstance(error.code, int) else 1
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def bury_the_dead(wait=os.waitpid, exit_code_of=os.waitstatus_to_exitcode):
    """What earlier runs started and nobody waited for counts against the processes of the session until then. Whoever
    kept hold of such a process is told how it ended."""
    ended = {}
    try:
        while True:
            pid, status = wait(-1, os.WNOHANG)
            if pid == 0:
                break
            ended[pid] = exit_code_of(status)
    except ChildProcessError:
        pass
    subprocess = sys.modules.get("subprocess")
    if ended and subprocess is not None:
        for each in __import__("gc").get_objects():
            if type(each) is subprocess.Popen and each.returncode is None and each.pid in ended:
                each.returncode = ended[each.pid]


def serve(channel, run, flavour, display):
    held = {name: getattr(builtins, name) for name in dir(builtins) if name in _REPAIRED or not name.startswith("_")}
    held["__import__"], held["__build_class__"] = builtins.__import__, builtins.__build_class__
    streams = sys.stdin, sys.stdout, sys.stderr
    libc = ctypes.CDLL(None)
    ignore, interrupt, set_signal, number = signal.SIG_IGN, signal.default_int_handler, signal.signal, signal.SIGINT
    read, dup2, close, seek, write = os.read, os.dup2, os.close, os.lseek, os.write
    memory = os.memfd_create
    restore = builtins.__dict__.update
    open_text = __import__("io").open
    fresh_hook = sys.displayhook
    set_signal(number, ignore)
    channel.say(b"Y", flavour.encode())
    while True:
        sizes = channel.read(_HEAD.size, read)
        code_size, stdin_size = _HEAD.unpack(sizes)
        token_size = channel.read(1, read)[0]
        channel.token = channel.read(token_size, read)
        code = channel.read(code_size, read).decode("utf-8", "surrogatepass")
        given = channel.read(stdin_size, read)
        channel.about_run(b"A", b"")
        restore(held)
        bury_the_dead()
        fd = memory("stdin")
        write(fd, given)
        seek(fd, 0, 0)
        dup2(fd, 0)
        close(fd)
        sys.stdin = open_text(0, encoding="utf-8", errors="replace", closefd=False)
        sys.stdout, sys.stderr = streams[1], streams[2]
        sys.displayhook = fresh_hook
        result = 1
        try:
            set_signal(number, interrupt)
            result = run(code)
        except BaseException as error:
            result = exit_code(error)
            write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
        finally:
            restore(held)
            try:
                set_signal(number, ignore)
                for stream in (sys.stdout, sys.stderr, streams[1], streams[2]):
                    stream.flush()
            except BaseException:
                pass
            libc.fflush(None)
        channel.about_run(b"D", str(result).encode())


def packages_folder():
    """Where `pip install` puts what this session installs: before the image's own, and there from the start, since
    Python never looks again where once was no folder."""
    folder = f"/work/.packages/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    if "PYTHONUSERBASE" in os.environ:
        os.makedirs(folder, exist_ok=True)
    return folder


def start():
    import site

    site.main()
    sys.argv = [""]
    sys.path.insert(0, "/work")
    sys.path.insert(1, packages_folder())
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    channel = Channel(CHANNEL)  # noqa: F821
    display = Display(channel)
    try:
        run, flavour = make_ipython(display), f"IPython {sys.modules['IPython'].__version__}"
    except ImportError:
        run, flavour = make_plain(display), f"Python {sys.version.split()[0]}"
    serve(channel, run, flavour, display)


start()
