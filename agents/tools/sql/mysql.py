"""Asks MySQL and MariaDB, in a transaction that cannot write; what comes is counted byte by byte as it comes."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT
from pymysql.cursors import SSCursor

from agents.errors import ToolFailed
from agents.tools.http.channel import tls_context
from agents.tools.http.endpoint import Tls
from agents.tools.http.failures import Cause, RequestFailed
from agents.tools.sql.session import Question, Rows, bounded, shut
from agents.tools.tcp.place import Place

_MOST_BYTES = 20_000_000
_MODE = "STRICT_TRANS_TABLES"
"""How texts are read is what the proof took for granted: backslashes escape, double quotes are texts."""
_TIMES_OUT = (1969, 3024, 1205, 1317)
_DENIED: dict[int, tuple[Cause, str]] = {
    1045: ("unauthorized", "{place} does not take this user and password: are they right?"),
    1130: ("unauthorized", "{place} does not let anybody in from here."),
    1698: ("unauthorized", "{place} does not take this user and password: are they right?"),
    1044: ("forbidden", "The user may not use this database."),
    1142: ("forbidden", "The user may not do this."),
    1227: ("forbidden", "The user may not do this."),
    1049: ("not_found", "{place} has no database of the name in the address."),
    1040: ("busy", "{place} has no connection left."),
}


if TYPE_CHECKING:
    _Plain = Connection[Any]
else:
    _Plain = Connection  # at run time it takes no parameter


class _TooMuch(Exception):
    """More has come than is taken."""


class _Guarded(_Plain):
    """Takes so many bytes and no more; hands out no password in clear text, and none at all where TLS is wanted and
    not to be had."""

    server_capabilities: int
    server_version: str
    _result: Any
    left = _MOST_BYTES
    needs_tls = False

    def _read_bytes(self, num_bytes: int) -> Any:
        self.left -= num_bytes
        if self.left < 0:
            raise _TooMuch
        return super()._read_bytes(num_bytes)  # type: ignore[misc]

    def _request_authentication(self) -> None:
        if self.needs_tls and not self.server_capabilities & CLIENT.SSL:
            raise ssl.SSLError("the server has no TLS")
        self.ssl = self.ssl and bool(self.server_capabilities & CLIENT.SSL)
        super()._request_authentication()  # type: ignore[misc]


class _NeverInClear:
    def __init__(self, connection: Any) -> None:
        pass

    def authenticate(self, packet: Any) -> None:
        raise RequestFailed("The server asks for the password in clear text, which is not sent.", "tls")


class MySqlSession:
    """One question to one MySQL or MariaDB server."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._is_over = False

    def ask(self, question: Question) -> Rows:
        """Raises RequestFailed, ToolFailed."""
        connection: _Guarded | None = None
        try:
            connection = self._connect(question.timeout_s)
            self._prepare(connection, question.timeout_s)
            return _read(connection, question)
        except _TooMuch:
            raise ToolFailed(
                f"The answer is larger than {_MOST_BYTES:,} bytes: ask for fewer rows or columns."
            ) from None
        except (pymysql.Error, OSError, ValueError) as error:
            raise self._failure(error) from None
        finally:
            self._end(connection)

    def break_off(self) -> None:
        with self._lock:
            if self._socket is not None and not self._is_over:
                shut(self._socket.fileno())
            self._is_over = True

    def _end(self, connection: _Guarded | None) -> None:
        with self._lock:
            self._is_over = True
            if connection is not None:
                connection._force_close()  # type: ignore[attr-defined]
            if self._socket is not None:
                self._socket.close()

    def _connect(self, timeout_s: float) -> _Guarded:
        place = self._place
        mode = place.options.get("sslmode", "")
        opened = _dialled(place, min(10.0, timeout_s))
        with self._lock:
            self._socket, is_over = opened, self._is_over
        if is_over:
            raise TimeoutError
        opened.settimeout(timeout_s)
        connection = _Guarded(
            host=place.host,
            port=place.port,
            user=place.user or "root",
            password=place.password,
            database=place.path or None,
            charset="utf8mb4",
            ssl=_tls(place.endpoint.tls, mode),
            local_infile=False,
            program_name="devops-chatbot",
            read_timeout=timeout_s,
            write_timeout=timeout_s,
            auth_plugin_map={"mysql_clear_password": _NeverInClear},
            defer_connect=True,
        )
        connection.needs_tls = mode not in ("", "prefer", "allow", "disable") or bool(place.endpoint.tls.ca)
        connection.connect(opened)
        return connection

    def _prepare(self, connection: _Guarded, timeout_s: float) -> None:
        seconds = max(1, int(timeout_s * 0.9))
        is_mariadb = "mariadb" in str(connection.server_version).lower()
        limit = f"max_statement_time = {seconds}" if is_mariadb else f"max_execution_time = {seconds * 1000}"
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION sql_mode = '{_MODE}', {limit}, lock_wait_timeout = {seconds}")
            cursor.execute("START TRANSACTION READ ONLY")

    def _failure(self, error: Exception) -> ToolFailed:
        shown = self._place.shown
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = " ".join(str(error.args[1] if len(error.args) > 1 else error).split())[:500]
        if code in _TIMES_OUT or isinstance(error, TimeoutError) or "timed out" in said:
            return RequestFailed(f"{shown} needed longer than this connection allows: ask for less.", "timeout")
        if code == 1792:
            return ToolFailed("The statement would write, and nothing may be written here.")
        if code in _DENIED:
            cause, sentence = _DENIED[code]
            return RequestFailed(f"{sentence.format(place=shown)} ({said})", cause)
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return RequestFailed(
                f"The certificate of {shown} is not trusted: give the authority that signed it as `ca`.", "tls"
            )
        if isinstance(error, ssl.SSLError) or "SSL" in said or "TLS" in said:
            return RequestFailed(f"No TLS with {shown}: {said}", "tls")
        if isinstance(error, ConnectionRefusedError):
            return RequestFailed(
                f"{shown} refused the connection: is the service running, is the port right?", "refused"
            )
        if 1000 <= code < 2000 or code >= 3000:
            return ToolFailed(f"{shown} says: {said} ({code})")
        return RequestFailed(f"{shown} broke off or is no MySQL server. ({said})", "protocol")


def _read(connection: _Guarded, question: Question) -> Rows:
    cursor = connection.cursor(SSCursor)
    try:
        cursor.execute(question.text)
        columns = [each[0] for each in cursor.description or ()]
        return bounded(columns, iter(cursor.fetchone, None), question.most_rows)
    finally:
        # The library would read the rest of the rows, of which there may be millions, before it let go.
        result: Any = connection._result
        if result is not None:
            result.unbuffered_active, result.connection = False, None
        cursor.connection = None  # type: ignore[assignment]


def _dialled(place: Place, timeout_s: float) -> socket.socket:
    """A socket to the first address that accepts it. Raises OSError."""
    failure: OSError | None = None
    for address in place.addresses:
        try:
            return socket.create_connection((address, place.port), timeout=timeout_s)
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


def _tls(tls: Tls, mode: str) -> ssl.SSLContext | None:
    """What TLS is spoken with; a server that has none is spoken to without, unless the mode or a CA asks for it."""
    if mode == "disable":
        return None
    if tls.ca or mode.startswith("verify") or tls.certificate:
        context = tls_context(tls)
        context.check_hostname = context.check_hostname and mode != "verify-ca"
        return context
    return tls_context(Tls(verify=False))
