"""Opening connections: TLS as asked for, and a session no role or database default can twist.

Owns every session setting of every connection this package makes (hazard 24). Knows no task.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import threading
import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql
from psycopg.client_cursor import ClientCursor
from psycopg.pq import TransactionStatus

from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.environment import forget
from azext_dms_pg.postgres.sqlstate import translate, translate_connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azext_dms_pg.model.connection import Connection

Side = Literal["source", "target"]

# Given at start-up, where they outrank ALTER ROLE … SET and ALTER DATABASE … SET, and where a
# walsender takes them too. All exist since 9.5 and need no privilege.
_STARTUP = {
    "search_path": "pg_catalog",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmloption": "content",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "standard_conforming_strings": "on",
    "escape_string_warning": "off",
    "quote_all_identifiers": "off",
    "lc_monetary": "C",
    "row_security": "off",
    # A notice in the middle of a COPY would be one more message to tell from data.
    "client_min_messages": "error",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "synchronous_commit": "on",
    "default_transaction_isolation": "read\\ committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    # A client that vanished from the net holds its locks until its server notices.
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}
# These came with later versions, and SET of an unknown name is an error.
_LATER = {
    "idle_in_transaction_session_timeout": (9_06_00, "0"),
    "jit": (11_00_00, "off"),
    "tcp_user_timeout": (12_00_00, "60s"),
    "idle_session_timeout": (14_00_00, "0"),
    "transaction_timeout": (17_00_00, "0"),
}
# Nothing of ours reads a view or a foreign table of the source's; where a table has become one
# since it was looked at, its functions would run with our rights. These versions can refuse that.
_ONLY_TABLES = "restrict_nonsystem_relation_kind"
_ONLY_TABLES_SINCE = {12: 20, 13: 16, 14: 13, 15: 8, 16: 4}
_ONLY_TABLES_ALWAYS = 17
# A walsender sends and waits; none of the session limits may end it (hazard 14).
_WALSENDER_LIMITS = (
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
_WALSENDER_SETS_SINCE = 10_00_00
_TIMEOUT_IS_OURS = 12_00_00
_ROOT_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_NO_STORE = "this machine has no file of certificate authorities"
# First libpq that can be told how not to sign in.
_REQUIRES_AUTH = 16_00_00


# Ordinary sessions of this process that are open, to tell them from everybody else's.
_open_sessions: dict[str, weakref.WeakSet[psycopg.Connection[Any]]] = {
    "source": weakref.WeakSet(),
    "target": weakref.WeakSet(),
}
_driven: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()
_opening = threading.Lock()


def connect(
    connection: Connection,
    side: Side,
    purpose: str = "control",
    *,
    autocommit: bool = True,
) -> psycopg.Connection[Any]:
    """Open an ordinary session with fixed settings and an empty search path.

    :param purpose: shown in pg_stat_activity as ``dms-pg <purpose>``.
    :raises ServerError: with advice; ``retryable`` tells whether waiting may help.
    """
    opened = _open(connection, side, purpose, autocommit=autocommit)
    try:
        # In one message: what a connection costs counts where there are many small databases.
        opened.execute(_later(opened.info.server_version, _LATER, side))
        if not autocommit:
            opened.commit()
    except psycopg.Error as error:
        opened.close()
        if error.sqlstate is not None:
            # It is there and has said what is wrong, such as a limit of the role.
            raise translate(error, side, "setting up the session") from error
        raise translate_connect(error, side, connection.address) from error
    with _opening:
        _open_sessions[side].add(opened)
    return opened


def open_sessions(side: Side) -> dict[int, psycopg.Connection[Any]]:
    """This process's sessions on that server by their process id; walsenders are not among them."""
    with _opening:
        return {one.info.backend_pid: one for one in _open_sessions[side] if not one.closed}


def busy_sessions(side: Side) -> frozenset[int]:
    """Those of them that wait for an answer at this moment, as far as this process knows."""
    return driven_sessions(side) | frozenset(
        pid
        for pid, session in open_sessions(side).items()
        if session.info.transaction_status is TransactionStatus.ACTIVE
    )


def driven_sessions(side: Side) -> frozenset[int]:
    """Those that are ``driven`` at this moment, whether their server has anything to do or not."""
    return frozenset(pid for pid, each in open_sessions(side).items() if each in _driven)


@contextmanager
def driven(*sessions: psycopg.Connection[Any]) -> Iterator[None]:
    """While they are spoken to beneath libpq, which then does not know that they are busy."""
    with _opening:
        _driven.update(sessions)
    try:
        yield
    finally:
        with _opening:
            _driven.difference_update(sessions)


def connect_replication(
    connection: Connection, side: Side = "source", purpose: str = "stream"
) -> psycopg.Connection[Any]:
    """Open a walsender session (``replication=database``) that speaks the simple protocol.

    :raises ServerError: as ``connect``.
    """
    opened = _open(connection, side, purpose, autocommit=True, replication="database")
    opened.cursor_factory = ClientCursor
    # Since 12 a session may ask for more time to answer than the server's default grants: with
    # less than a second a stream could never be kept.
    if opened.info.server_version >= _TIMEOUT_IS_OURS:
        opened.execute(
            "SELECT pg_catalog.set_config(name, '10s', false) FROM pg_catalog.pg_settings"
            " WHERE name = 'wal_sender_timeout' AND setting::int BETWEEN 1 AND 999"
        )
    if opened.info.server_version >= _WALSENDER_SETS_SINCE:
        opened.execute(_later(opened.info.server_version, _WALSENDER_LIMITS, side))
    return opened


def views_allowed(version: int) -> sql.SQL:
    """Begins a statement that runs functions of the source's own, which may read views."""
    return sql.SQL(f"SET LOCAL {_ONLY_TABLES} = ''; " if _knows_only_tables(version) else "")


def _knows_only_tables(version: int) -> bool:
    major, minor = divmod(version, 10000)
    since = _ONLY_TABLES_SINCE.get(major)
    return major >= _ONLY_TABLES_ALWAYS or (since is not None and minor >= since)


def _later(version: int, names: Iterable[str], side: Side) -> bytes:
    """Statements that set those of the parameters the version knows."""
    known = {name: value for name in names for since, value in [_LATER[name]] if version >= since}
    # Not on the target: constraints and triggers there have functions, which may read views.
    if side == "source" and _knows_only_tables(version):
        known[_ONLY_TABLES] = "view, foreign-table"
    return "; ".join(f"SET {name} = '{value}'" for name, value in known.items()).encode()


def protection(connection: Connection) -> dict[str, str]:
    """``sslmode``, ``sslrootcert`` and ``require_auth`` for what the user asked.

    ==================  ======================  =====================================
    encryptConnection   trustServerCertificate  sslmode
    ==================  ======================  =====================================
    false               any                     disable; no password in clear text
    absent, loopback    absent or true          prefer: there is no wire to listen on
    true or absent      true                    require
    true or absent      false                   verify-full
    ==================  ======================  =====================================

    :raises ServerError: there is nothing to verify by, or a token would go unprotected.
    """
    here = _is_loopback(connection.server)
    if connection.uses_entra_id and not here and _is_open(connection):
        raise ServerError(
            f"{connection.address}: a Microsoft Entra ID token is sent over verified TLS only, "
            "which the connection JSON has turned off.",
            'Leave out "encryptConnection": false and "trustServerCertificate": true, or sign in '
            "with a password of the server's own.",
            code="TokenUnprotected",
        )
    if connection.encrypt is False:
        return {"sslmode": "disable", **({} if here else {"require_auth": _no_clear_text()})}
    if connection.encrypt is None and here:
        return {"sslmode": "prefer"}
    if connection.trust_server_certificate:
        return {"sslmode": "require"}
    store = root_store()
    if store is None:
        named = _named_store()
        raise ServerError(
            f"{connection.address}: the server's certificate is to be verified, but "
            f"{f'PGSSLROOTCERT names {named}, which is no file' if named else _NO_STORE}.",
            "Install the system's (Debian: apt install ca-certificates), or put the server's "
            "authority into ~/.postgresql/root.crt or a file that PGSSLROOTCERT names; "
            '"trustServerCertificate": true encrypts without asking who is there.',
            code="NoCertificateAuthorities",
        )
    return {"sslmode": "verify-full", "sslrootcert": store}


def password(connection: Connection) -> str | None:
    """What to sign in with, None to leave it to a password file."""
    if connection.password is not None:
        return connection.password.reveal()
    if connection.uses_entra_id:
        from azext_dms_pg.postgres.token import access_token

        return access_token(connection)
    return None


def root_store() -> str | None:
    """Path of the certificates to trust: libpq's own places first, then the system's.

    What the user has named is not replaced by something that trusts more.
    """
    named = _named_store()
    home = Path("~/.postgresql/root.crt").expanduser()
    system = ssl.get_default_verify_paths().cafile
    for candidate in (named,) if named else (str(home), system, *_ROOT_STORES):
        if candidate and Path(candidate).is_file():
            return candidate
    return None


def _named_store() -> str | None:
    """``system`` is libpq's word for what is looked for anyway."""
    named = os.environ.get("PGSSLROOTCERT")
    return None if named in {"", "system"} else named


def _is_loopback(server: str) -> bool:
    """By its address or the one name that must mean it: 127.example.com is anywhere."""
    if server.startswith("/") or server.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(server).is_loopback
    except ValueError:
        return False


def _is_open(connection: Connection) -> bool:
    return connection.encrypt is False or connection.trust_server_certificate


def _no_clear_text() -> str:
    """Ways to sign in that do not show the password, of those the user allows."""
    allowed = [way.strip() for way in os.environ.get("PGREQUIREAUTH", "").split(",") if way.strip()]
    if allowed and not allowed[0].startswith("!"):
        return ",".join(way for way in allowed if way != "password") or "!password"
    return ",".join(dict.fromkeys([*allowed, "!password"]))


def _open(
    connection: Connection, side: Side, purpose: str, *, autocommit: bool, **extra: str
) -> psycopg.Connection[Any]:
    parameters: dict[str, Any] = {
        "host": connection.server,
        "port": connection.port,
        "dbname": connection.database,
        "user": connection.user,
        "application_name": f"dms-pg {purpose}",
        "client_encoding": "UTF8",
        "options": " ".join(f"-c {name}={value}" for name, value in _STARTUP.items()),
        "connect_timeout": 15,
        "keepalives": 1,
        "keepalives_idle": 20,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        # Milliseconds sent data may stay unacknowledged before the kernel gives the peer up.
        "tcp_user_timeout": 60_000,
        "gssencmode": "disable",
        **protection(connection),
        **extra,
    }
    if psycopg.pq.version() < _REQUIRES_AUTH:
        parameters.pop("require_auth", None)
    known = password(connection)
    if known is not None:
        parameters["password"] = known
    forget()
    try:
        return psycopg.connect(
            autocommit=autocommit,
            # Names and values of our statements change with every table: preparing gains nothing.
            prepare_threshold=None,
            **parameters,
        )
    except psycopg.Error as error:
        raise translate_connect(error, side, connection.address) from None
