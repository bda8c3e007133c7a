"""Creates the source's schema on an empty target: tables, types, functions, indexes, keys, all.

The whole schema is created at once, in the transaction of the caller, while the tables are still
empty: that takes moments, and a schema that was found wanting is rolled back. What would slow the
load down or disturb it (indexes of large tables, foreign keys, triggers) is taken away afterwards
and brought back after the load by the same steps as for a schema that was there before.

Owns what of a dump is wanted. Finding and running pg_dump is the business of ``postgres.tools``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.errors import MigrationError
from azext_dms_pg.model.finding import Finding
from azext_dms_pg.model.states import Severity
from azext_dms_pg.postgres import tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azext_dms_pg.model.connection import Connection

Session = psycopg.Connection[Any]

# Entries of a dump we leave out, by their type in the list. An event trigger would fire for our
# own statements, the others belong to the server it came from.
_EVENT_TRIGGER = "EVENT TRIGGER"
_UNWANTED = (_EVENT_TRIGGER, "PUBLICATION", "PUBLICATION TABLE", "SUBSCRIPTION")
# "3385; 0 0 COMMENT - EXTENSION plpgsql": only the owner of the extension may set it.
_EXTENSION_COMMENT = re.compile(r"COMMENT - EXTENSION ")
_ENTRY = re.compile(r"^(\d+); \d+ \d+ (.*)$")
_LABEL = re.compile(r"^-- Name: (?P<name>.*); Type: (?P<type>[A-Z ]+); Schema: ", re.MULTILINE)
# Said in front of the script instead of pg_dump's own settings, of which an older target does
# not know all.
_SETTINGS = """
SET LOCAL search_path = '';
SET LOCAL check_function_bodies = false;
SET LOCAL xmloption = content;
SET LOCAL row_security = off;
SET LOCAL client_min_messages = error;
"""

_USER_TABLES = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'dms_pg')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
"""
# Owners and grantees of this database; the first superuser is pinned and in no list.
_ROLES = """
SELECT r.rolname FROM pg_roles r WHERE r.oid = 10 OR r.oid IN (
    SELECT d.refobjid FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass
    AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY 1
"""

# SECURITY DEFINER functions that are the target user's now, as REVOKE names them.
_DEFINERS = """
SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND p.proowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                  AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""
_ROUTINES_SINCE = 11_00_00
_NAMED = 5


def copy_schema(
    source: Session,
    target: Session,
    connection: Connection,
    scratch: Path,
    check: Callable[[], None] = lambda: None,
) -> tuple[Finding, ...]:
    """Create the schema inside the transaction the target session is in.

    Does nothing when the target has tables already: an earlier run of this task made them, or
    the user did.

    :param connection: to the source database, for pg_dump.
    :param scratch: an empty private directory for what pg_dump needs while it runs.
    :param check: asked while pg_dump runs; what it raises ends it.
    :raises MigrationError: no fit pg_dump, or the target refuses a statement.
    """
    if _value(target, _USER_TABLES):
        return (
            Finding(
                "SchemaThereAlready",
                Severity.INFO,
                "target",
                "The target has tables already, so the schema was not copied.",
            ),
        )
    candidates = tools.find(source.info.server_version // 10000)
    found, arguments = _owners(source, target)
    archive, used = tools.dump(
        candidates,
        connection,
        [
            *("--format=custom", "--compress=0", "--schema-only", "--lock-wait-timeout=30s"),
            *("--no-tablespaces", "--no-security-labels", "--exclude-schema=dms_pg"),
        ],
        scratch,
        check,
    )
    listing = tools.restore(used, archive, "--list")
    wanted, unwanted = _choose(listing)
    list_file = scratch / "list"
    list_file.write_text(wanted, encoding="utf-8")
    script = tools.restore(used, archive, *arguments, f"--use-list={list_file}", "--file=-")
    _run(target, _SETTINGS + _without_header(script))
    if "--no-owner" in arguments:
        found += _close_definers(target)
    if unwanted:
        found.append(
            Finding(
                "EventTriggersNotCopied",
                Severity.WARNING,
                "target",
                f"{len(unwanted)} event triggers were not created, because they would fire for "
                f"the migration's own statements: {', '.join(unwanted)}.",
                "Create them on the target after the cutover.",
            )
        )
    return tuple(found)


def _owners(source: Session, target: Session) -> tuple[list[Finding], list[str]]:
    """Owners and privileges travel when the target knows all roles and lets us set them."""
    roles = [row[0] for row in source.execute(_ROLES.encode()).fetchall()]
    known = {row[0] for row in target.execute(b"SELECT rolname FROM pg_roles").fetchall()}
    missing = [role for role in roles if role not in known]
    superuser = _value(target, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if superuser and not missing:
        return [], []
    why = (
        f"The target has no role {', '.join(missing)}"
        if missing
        else "The target user is no superuser"
    )
    finding = Finding(
        "OwnersNotCopied",
        Severity.WARNING,
        "target",
        f"{why}, so everything created belongs to the target user and nobody is granted anything.",
        "Create the roles (pg_dumpall --roles-only) before the migration, or GRANT and ALTER … "
        "OWNER afterwards.",
    )
    return [finding], ["--no-owner", "--no-privileges"]


def _close_definers(target: Session) -> list[Finding]:
    """Keep everybody from calling, with the target user's rights, what had another owner's.

    Functions may be called by all unless that is revoked, and a REVOKE is among the privileges
    that have not travelled.
    """
    functions = [row[0] for row in target.execute(_DEFINERS.encode()).fetchall()]
    if not functions:
        return []
    kind = "ROUTINE" if target.info.server_version >= _ROUTINES_SINCE else "FUNCTION"
    _run(target, "".join(f"REVOKE ALL ON {kind} {each} FROM PUBLIC;\n" for each in functions))
    more = f" and {len(functions) - _NAMED} more" if len(functions) > _NAMED else ""
    return [
        Finding(
            "DefinerFunctionsClosed",
            Severity.WARNING,
            "target",
            f"{len(functions)} SECURITY DEFINER functions belong to the target user now, so nobody "
            f"else may call them: {', '.join(functions[:_NAMED])}{more}.",
            "Give them an owner with no more rights than they need (ALTER FUNCTION … OWNER TO), "
            "then GRANT EXECUTE to those who call them.",
        )
    ]


def _choose(listing: str) -> tuple[str, list[str]]:
    """The entries to restore, as pg_restore wants them, and the event triggers among the rest."""
    kept, left_out = [], []
    for line in listing.splitlines():
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        if entry[2].startswith(f"{_EVENT_TRIGGER} - "):
            left_out.append(entry[2].removeprefix(f"{_EVENT_TRIGGER} - ").rpartition(" ")[0])
        unwanted = entry[2].startswith(tuple(f"{kind} " for kind in _UNWANTED))
        about_one = re.match(r"(COMMENT|ACL) - EVENT TRIGGER ", entry[2])
        if not (unwanted or about_one or _EXTENSION_COMMENT.match(entry[2])):
            kept.append(line)
    return "\n".join(kept) + "\n", left_out


def _without_header(script: str) -> str:
    """From the first object on; psql's own commands around it are not SQL."""
    first = _LABEL.search(script)
    body = script[first.start() :] if first else ""
    return re.sub(r"\n\\unrestrict \w+\s*\Z", "\n", body)


def _run(target: Session, script: str) -> None:
    try:
        # Without parameters the server takes the whole script at once, in our transaction.
        target.execute(script.encode())
    except psycopg.Error as error:
        raise MigrationError(
            "The schema could not be created on the target: "
            f"{_place(script, error)}{error.diag.message_primary or type(error).__name__}. "
            "Nothing was left behind.",
            _advice(error),
            code="SchemaNotCreated",
        ) from error


def _place(script: str, error: psycopg.Error) -> str:
    """Which object it was about, from the position the server tells."""
    position = error.diag.statement_position
    if position is None:
        return ""
    labels = list(_LABEL.finditer(script, 0, int(position)))
    return f"{labels[-1]['type'].lower()} {labels[-1]['name']}: " if labels else ""


def _advice(error: psycopg.Error) -> str:
    hint = error.diag.message_hint
    by_hand = (
        "Mend it and create the task again, or create the schema yourself (pg_dump -s … | psql …) "
        "and leave --migrate-schema out."
    )
    return f"{hint} {by_hand}" if hint else by_hand


def _value(session: Session, query: str) -> Any:
    row = session.execute(query.encode()).fetchone()
    return None if row is None else row[0]
