"""The byte stream beneath a libpq connection: the socket, or the TLS session on top of it.

libpq hands out and takes one row a call, which costs a Python process more CPU than all else
together. Under it the stream can be read and written by the megabyte. Without TLS that is the
socket itself. With TLS it is OpenSSL's ``SSL_read`` and ``SSL_write`` on the session libpq has
made and verified: libpq tells its address (``PQsslStruct``), and both functions are those libpq
calls itself, asked of the dynamic linker. Where any of that is not beyond doubt there is no
channel, and rows go through libpq.

While a channel is used libpq must not be, and the other way round; neither keeps bytes back.

Owns the access; knows no protocol.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import psycopg

# A TLS record holds no more; one call of SSL_write is one record and one system call.
_RECORD = 16384
_WANT = (2, 3)  # SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE
_ZERO_RETURN = 6  # SSL_ERROR_ZERO_RETURN: the peer has closed the session in order


class Channel(Protocol):
    """Never blocks: raises BlockingIOError instead, and OSError when the stream is broken."""

    def fileno(self) -> int: ...

    def close(self) -> None:
        """Let go of it; the connection itself stays open."""

    def receive(self, into: memoryview) -> int:
        """Bytes read, as many as there are and have room; 0 at the end of the stream."""

    def send(self, data: memoryview) -> int:
        """Bytes taken, at least one. After BlockingIOError the same data must come again."""

    def wake_at(self, size: int) -> None:
        """Count as readable only once so many bytes wait (or the stream has ended). 1 is normal.

        Whoever asked for more must look after a while all the same: less may be all there is.
        """


def open_channel(connection: psycopg.Connection[Any]) -> Channel | None:
    """A channel beneath this connection, or None when only libpq can reach the stream."""
    pgconn = connection.pgconn
    options = {item.keyword: item.val for item in pgconn.info}
    if options.get(b"gssencmode") not in {None, b"disable"}:
        return None
    if not pgconn.ssl_in_use:
        return _Plain(pgconn.socket)
    libraries = _libraries()
    address: int | None = getattr(pgconn, "pgconn_ptr", None)
    if libraries is None or not address:
        return None
    session = libraries.session(address)
    return None if session is None else _Encrypted(libraries, session, pgconn.socket)


class _Plain:
    """A second handle on the socket."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._socket.settimeout(0)
        self.receive = self._socket.recv_into
        self.send = self._socket.send
        self.fileno = self._socket.fileno
        self.close = self._socket.close

    def wake_at(self, size: int) -> None:
        _low_water(self._socket, size)


class _Encrypted:
    """A TLS session of OpenSSL, by its address."""

    def __init__(self, ssl: _Libraries, session: int, descriptor: int) -> None:
        self._ssl = ssl
        self._session = session
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        self._session = 0

    def receive(self, into: memoryview) -> int:
        self._expect_open()
        room = len(into)
        start = ctypes.addressof(ctypes.c_char.from_buffer(into))
        got = 0
        while got < room:
            self._ssl.clear_error()
            size = self._ssl.read(self._session, start + got, room - got)
            if size > 0:
                got += size
            elif got or self._ended(size):
                break
        return got

    def send(self, data: memoryview) -> int:
        # Copied, for the buffer may be read-only; at the repetition OpenSSL insists on the same
        # bytes but not on the same place (libpq sets SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER).
        self._expect_open()
        record = bytes(data[:_RECORD])
        self._ssl.clear_error()
        size: int = self._ssl.write(self._session, record, len(record))
        if size <= 0 and self._ended(size):
            raise BrokenPipeError("the TLS session has ended")
        return size

    def wake_at(self, size: int) -> None:
        with socket.socket(fileno=os.dup(self._descriptor)) as handle:
            _low_water(handle, size)

    def _expect_open(self) -> None:
        """OpenSSL would read from address 0."""
        if not self._session:
            raise ConnectionError("it was closed here")

    def _ended(self, result: int) -> bool:
        """Whether the stream has ended in order; raises for everything else."""
        code = self._ssl.get_error(self._session, result)
        if code in _WANT:
            raise BlockingIOError
        if code == _ZERO_RETURN:
            return True
        raise ConnectionError(f"the TLS session broke (OpenSSL error {code})")


def _low_water(handle: socket.socket, size: int) -> None:
    """SO_RCVLOWAT; where a system has no such thing, every byte wakes us, as always."""
    with suppress(OSError):
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)


class _Libraries:
    """libpq, and the functions of the very OpenSSL it calls.

    :param libpq: the file this process has mapped; not loaded if it is not.
    :raises OSError: it is not loaded.
    :raises AttributeError: a function is missing, or is not surely the one libpq calls.
    """

    def __init__(self, libpq: str) -> None:
        pq = ctypes.CDLL(libpq, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        everybody = ctypes.CDLL(None)

        def function(name: str, result: Any, *arguments: Any) -> Any:
            # A symbol of a library is looked for in what it is linked with, in the order the
            # dynamic linker used too. Only what the program itself exports would come first.
            found = getattr(pq, name)
            if _address(getattr(everybody, name, found)) != _address(found):
                raise AttributeError(f"two functions {name}")
            found.restype, found.argtypes = result, arguments
            return found

        text, pointer, number = ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int
        self._struct = function("PQsslStruct", pointer, pointer, text)
        self._attribute = function("PQsslAttribute", text, pointer, text)
        self._version = function("SSL_get_version", text, pointer)
        self.read = function("SSL_read", number, pointer, pointer, number)
        self.write = function("SSL_write", number, pointer, text, number)
        self.get_error = function("SSL_get_error", number, pointer, number)
        self.clear_error = function("ERR_clear_error", None)

    def session(self, pgconn: int) -> int | None:
        """Address of the connection's SSL object, if both libraries agree on what it is."""
        if self._attribute(pgconn, b"library") != b"OpenSSL":
            return None
        session: int | None = self._struct(pgconn, b"OpenSSL")
        if not session or self._version(session) != self._attribute(pgconn, b"protocol"):
            return None
        return session


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


@cache
def _libraries() -> _Libraries | None:
    """The one libpq of this process with its OpenSSL, or None."""
    try:
        maps = Path("/proc/self/maps").read_text("utf-8")
    except OSError:  # not Linux
        return None
    libpqs = {found[0] for found in re.finditer(r"/\S*/libpq[-.\w]*\.so[-.\w]*", maps)}
    if len(libpqs) != 1:
        return None
    try:
        return _Libraries(libpqs.pop())
    except (OSError, AttributeError):
        return None
