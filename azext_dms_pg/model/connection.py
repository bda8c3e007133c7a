"""How to reach one PostgreSQL server: the wire type ``PostgreSqlConnectionInfo``.

Owns the rule that a password is never shown: ``Secret`` hides itself from ``repr``, ``str``,
f-strings and JSON, so no log line or traceback can hold one by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from azext_dms_pg.errors import InputError

WIRE_TYPE = "PostgreSqlConnectionInfo"
ENTRA_ID = "ActiveDirectory"
KEYS = frozenset(
    {
        "type", "userName", "password", "serverName", "databaseName", "port", "encryptConnection",
        "trustServerCertificate", "authentication",
    }
)  # fmt: skip
#: For whom a token must be to sign in at an Azure Database for PostgreSQL, by the end of its name:
#: the public cloud first, then the others azure-cli knows. A worker has no azure-cli to ask.
TOKEN_RESOURCES = {
    ".postgres.database.azure.com": "https://ossrdbms-aad.database.windows.net",
    ".postgres.database.chinacloudapi.cn": "https://ossrdbms-aad.database.chinacloudapi.cn",
    ".postgres.database.usgovcloudapi.net": "https://ossrdbms-aad.database.usgovcloudapi.net",
    ".postgres.database.sovcloud-api.fr": "https://ossrdbms-aad.database.sovcloud-api.fr",
}
_LAST_PORT = 65535


def azure_suffix(server: str) -> str | None:
    """The end of the name by which a server is one of Azure's, or None."""
    folded = server.strip().lower()
    return next((suffix for suffix in TOKEN_RESOURCES if folded.endswith(suffix)), None)


class Secret:
    """A password or token that only ``reveal()`` gives away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True)
class Connection:
    """One server and database, as the user named it.

    ``password`` is None when it is to come from a token (``authentication`` is
    ``ActiveDirectory``) or a password file. ``encrypt`` is None when the user
    left it to the default, which is to encrypt whatever leaves this machine.
    """

    server: str
    user: str | None = None
    password: Secret | None = None
    database: str = "postgres"
    port: int = 5432
    encrypt: bool | None = None
    trust_server_certificate: bool = False
    authentication: str | None = None

    def to_database(self, database: str) -> Connection:
        return replace(self, database=database)

    def without_password(self) -> Connection:
        return replace(self, password=None)

    @property
    def uses_entra_id(self) -> bool:
        if self.authentication is not None:
            return self.authentication.lower() == ENTRA_ID.lower()
        return self.password is None and azure_suffix(self.server) is not None

    @property
    def token_resource(self) -> str:
        """Of the server's own cloud; of the public one for a name that does not tell."""
        suffix = azure_suffix(self.server)
        return next(iter(TOKEN_RESOURCES.values())) if suffix is None else TOKEN_RESOURCES[suffix]

    @property
    def address(self) -> str:
        """``server:port`` as messages print it."""
        return f"{self.server}:{self.port}"

    def to_wire(self) -> dict[str, Any]:
        """camelCase JSON without the password (``password`` is always null).

        ``encryptConnection`` is null when the user left it out, so that reading it back gives
        the same value; whoever shows it prints the service's default, true.
        """
        wire: dict[str, Any] = {
            "type": WIRE_TYPE,
            "userName": self.user,
            "password": None,
            "serverName": self.server,
            "databaseName": self.database,
            "port": self.port,
            "encryptConnection": self.encrypt,
            "trustServerCertificate": self.trust_server_certificate,
        }
        if self.authentication is not None:
            wire["authentication"] = self.authentication
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> Connection:
        """Read camelCase JSON; unknown keys are ignored, as the service ignores them.

        :raises InputError: a value has the wrong type or a required one is missing.
        """
        return _Reader(wire).connection(cls)


@dataclass(frozen=True)
class _Reader:
    wire: dict[str, Any]
    where: str = field(default="connection JSON")

    def connection(self, cls: type[Connection]) -> Connection:
        server = self._text("serverName")
        if not server:
            raise InputError(
                f'The {self.where} names no server: expected a non-empty "serverName".',
                'Add "serverName": "<host name or address>".',
            )
        if _may_hold_a_password(server):
            raise InputError(
                f'"serverName" in the {self.where} must be a host name or an address, found a'
                " connection string or more than that.",
                'Split it into "serverName", "port", "userName", "databaseName" and "password".',
            )
        if "," in server:
            # libpq would try one after the other, each perhaps another database.
            raise InputError(
                f'"serverName" in the {self.where} must be one server, found {server!r}.',
                "Name the one server that is meant: its host name or address, without a comma.",
            )
        password = self._text("password", strip=False)
        return cls(
            server=server,
            user=self._text("userName"),
            password=Secret(password) if password else None,
            database=self._text("databaseName") or "postgres",
            port=self._port(),
            encrypt=self._flag("encryptConnection", default=None),
            trust_server_certificate=bool(self._flag("trustServerCertificate", default=False)),
            authentication=self._text("authentication"),
        )

    def _text(self, key: str, *, strip: bool = True) -> str | None:
        value = self.wire.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise InputError(
                f'"{key}" in the {self.where} must be text, found {_kind(value)}.',
                f'Put the value of "{key}" in double quotes.',
            )
        # The tutorial's own target.json has blanks around the values.
        return value.strip() if strip else value

    def _port(self) -> int:
        value = self.wire.get("port")
        if value is None:
            return 5432
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value.strip())
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LAST_PORT:
            raise InputError(
                f'"port" in the {self.where} must be a number from 1 to 65535, found'
                f" {_kind(value)}.",
                'Write for example "port": 5432.',
            )
        return value

    def _flag(self, key: str, *, default: bool | None) -> bool | None:
        value = self.wire.get(key)
        if value is None:
            return default
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
        if not isinstance(value, bool):
            raise InputError(
                f'"{key}" in the {self.where} must be true or false, found {_kind(value)}.',
                f'Write "{key}": true or "{key}": false.',
            )
        return value


def _may_hold_a_password(server: str) -> bool:
    """A URI or a list of parameters: server names are printed everywhere, so it is not taken."""
    is_socket = server.startswith(("/", "@"))
    return "://" in server or (not is_socket and bool({"@", "=", ";"} & set(server)))


def _kind(value: Any) -> str:
    """Said instead of the value, which may be a password in the wrong place."""
    if isinstance(value, bool):
        return "true or false"
    kinds: dict[type, str] = {str: "other text", dict: "an object", list: "a list"}
    return kinds.get(type(value), "another number")
