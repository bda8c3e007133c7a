"""The JSON arguments of ``task create``: file or inline, read and turned into a ``TaskInput``.

Owns where each value comes from (JSON, typed flag, environment, prompt) and the order of these.
Knows nothing of platforms other than PostgreSQL except how to read and fill their JSON, which is
then handed to core. Never prints, logs or raises with a password in it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azext_dms_pg.cli import lenient, passfile
from azext_dms_pg.errors import InputError
from azext_dms_pg.model.connection import ENTRA_ID, KEYS, Connection, azure_suffix
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput

if TYPE_CHECKING:
    from collections.abc import Collection

_LOOKS_LIKE_PATH = re.compile(r"^[^\n{}\[\]@=;]{1,260}$")
# A password in base64 has slashes, too; these endings are what tells a path from one.
_SUFFIXES = (".json", ".txt", ".js")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


@dataclass(frozen=True)
class Side:
    """One of the two connections, as options, prompts and variables name it."""

    name: str

    @property
    def option(self) -> str:
        return f"--{self.name}-connection-json"

    @property
    def prompt(self) -> str:
        return f"{self.name.capitalize()} Database "

    def variable(self, what: str) -> str:
        return f"AZEXT_DMS_PG_{self.name.upper()}_{what}"


SOURCE = Side("source")
TARGET = Side("target")


@dataclass(frozen=True)
class Flags:
    """The typed flags of one side; each, when given, wins over the JSON."""

    server: str | None = None
    user: str | None = None
    database: str | None = None
    port: int | None = None

    def over(self, wire: dict[str, Any]) -> dict[str, Any]:
        given = {
            "serverName": self.server,
            "userName": self.user,
            "databaseName": self.database,
            "port": self.port,
        }
        return {**wire, **{key: value for key, value in given.items() if value is not None}}


def read_json(value: str, option: str, names: Collection[str] = ()) -> Any:
    """The JSON of one option: a file of that name if there is one, else the value itself.

    :param names: keys that may be named where it cannot be read; nothing else of it is quoted.
    :raises InputError: neither an existing file nor readable; says file, line and column.
    """
    path = _existing_file(value)
    if path is not None:
        return _parse(_decode(path), f"{path}", option, names)
    if value.lstrip()[:1] not in {"{", "[", "(", "/", "#", '"', "'"} or _names_a_file(value):
        shown = f" {value!r}" if value.lower().endswith(_SUFFIXES) and _names_a_file(value) else ""
        raise InputError(
            f"{option}: expected the name of an existing file, or JSON. There is no"
            f" file{shown} in {Path.cwd()}, and the value does not begin like JSON.",
            "Check the path (PowerShell and cmd paths need no escaping, bash needs quotes around"
            " backslashes), or give the JSON itself in single quotes.",
        )
    return _parse(value, "the value given on the command line", option, names)


def require(value: str | None, server: str | None, side: Side) -> None:
    """:raises InputError: neither the JSON nor the server of one side was given."""
    if value is None and server is None:
        raise InputError(
            f"No {side.name} server was given.",
            f"Give --{side.name}-server NAME, or {side.option} FILE.",
            code="MissingArgument",
        )


def connection_json(value: str | None, side: Side, flags: Flags | None = None) -> dict[str, Any]:
    """The connection of one side as a dict, typed flags applied; not yet complete."""
    flags = flags or Flags()
    require(value, flags.server, side)
    if value is None:
        return flags.over({})
    wire = read_json(value, side.option, KEYS)
    if not isinstance(wire, dict):
        raise InputError(
            f"{side.option}: expected one JSON object, found {_kind(wire)}.",
            'Write for example {"userName": "postgres", "serverName": "db.example.com"}.',
        )
    password = wire.get("password")
    if isinstance(password, int) and not isinstance(password, bool):
        wire["password"] = str(password)  # as core sends it
    if password and _was_typed(value):
        from knack.log import get_logger

        get_logger(__name__).warning(
            "%s: a password on the command line can be read by other users of this machine,"
            " stays in the shell's history, and %s. Give a file (NAME or @NAME) instead, or leave"
            " the password out: set %s, or be asked for it.",
            side.option,
            # az does so before any extension is loaded: nothing here could strike it out.
            "was printed by --debug just now: change it" if _debugging() else "--debug prints it",
            side.variable("PASSWORD"),
        )
    return flags.over(wire)


def complete(
    wire: dict[str, Any], side: Side, *, token_allowed: bool, postgresql: bool = True
) -> dict[str, Any]:
    """Add what is missing of user and password: environment, libpq's password file, prompt.

    :param token_allowed: a connection may sign in with Microsoft Entra ID instead: because it
        says so, or because it goes to an Azure server and the password is left empty.
    :param postgresql: libpq's password file is meant for this server.
    """
    filled = dict(wire)
    if not filled.get("userName"):
        filled["userName"] = os.environ.get(side.variable("USER")) or _ask(side, "user")
    if filled.get("password"):
        return filled
    filled["password"] = os.environ.get(side.variable("PASSWORD")) or (
        _from_passfile(filled) if postgresql else None
    )
    if filled["password"] or (token_allowed and _wants_token(filled)):
        return filled
    optional = token_allowed and is_azure_server(filled)
    answer = _ask(side, "password", optional=optional)
    # MySQL and SQL Server know empty passwords.
    filled["password"] = answer if answer or not postgresql else None
    return filled


def check(wire: dict[str, Any], side: Side) -> None:
    """:raises InputError: what is there of the connection cannot be used."""
    _connection(wire, side)


def task_input(
    source: dict[str, Any], target: dict[str, Any], databases: tuple[DatabaseInput, ...]
) -> TaskInput:
    return TaskInput(
        source=_connection(source, SOURCE),
        target=_connection(target, TARGET),
        databases=databases,
    )


def _connection(wire: dict[str, Any], side: Side) -> Connection:
    try:
        return Connection.from_wire(wire)
    except InputError as error:
        raise InputError(f"{side.option}: {error.message}", error.action) from error


def _wants_token(wire: dict[str, Any]) -> bool:
    authentication = wire.get("authentication")
    return isinstance(authentication, str) and authentication.lower() == ENTRA_ID.lower()


def _from_passfile(wire: dict[str, Any]) -> str | None:
    return passfile.password(
        str(wire["serverName"]).strip(),
        str(wire.get("port") or 5432).strip(),
        str(wire.get("databaseName") or "postgres").strip(),
        str(wire["userName"]).strip(),
    )


def is_azure_server(wire: dict[str, Any]) -> bool:
    server = wire.get("serverName")
    return isinstance(server, str) and azure_suffix(server) is not None


def _ask(side: Side, what: str, *, optional: bool = False) -> str:
    from knack.prompting import NoTTYException, prompt, prompt_pass

    label = side.prompt + ("Username: " if what == "user" else "Password: ")
    if optional:
        label = f"{side.prompt}Password (empty: sign in with Microsoft Entra ID): "
    try:
        answer: str = prompt(label) if what == "user" else prompt_pass(msg=label)
    except NoTTYException:
        if optional:
            return ""
        key = "userName" if what == "user" else "password"
        variable = side.variable("USER" if what == "user" else "PASSWORD")
        raise InputError(
            f"The {side.name} {what} is missing and there is no terminal to ask for it.",
            f'Set the environment variable {variable}, or put "{key}" into the file given with'
            f" {side.option}" + (" or into ~/.pgpass." if what == "password" else "."),
            code="NoTerminal",
        ) from None
    return answer


def _debugging() -> bool:
    return "--debug" in sys.argv


def _was_typed(value: str) -> bool:
    """Whether others can see it in the list of processes: az reads @FILE before we are asked."""
    return any(word == value or word.endswith(f"={value}") for word in sys.argv)


def _existing_file(value: str) -> Path | None:
    if "\n" in value or "\0" in value:
        return None
    path = Path(value).expanduser()
    try:
        return path if path.is_file() else None
    except OSError:  # too long for a file name: it is JSON
        return None


def _names_a_file(value: str) -> bool:
    """Whether ``value`` looks like a path, and not like JSON or a connection URI."""
    text = value.strip()
    if not _LOOKS_LIKE_PATH.match(text) or "://" in text:
        return False
    return text.lower().endswith(_SUFFIXES) or "/" in text or "\\" in text


def _decode(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be read: {error.strerror}.",
            "Check the path and the permissions of the file.",
        ) from error
    encoding = next((name for bom, name in _BOMS if raw.startswith(bom)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"The file {path} is not {encoding.upper()} text: line {line} holds a byte that is"
            " not valid there.",
            "Save the file as UTF-8.",
        ) from None


def _parse(text: str, where: str, option: str, names: Collection[str]) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        return lenient.loads(text, names)
    except lenient.LenientError as error:
        literal = _python_literal(text)
        if literal is not None:
            return literal
        raise InputError(
            f"{option}: {where}, line {error.line}, column {error.column}: {error.problem}.",
            error.hint or "Correct the JSON there. Comments and trailing commas are allowed.",
        ) from None


def _python_literal(text: str) -> Any:
    """What Python itself reads, as core does (raw strings, tuples, joined strings); else None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")
