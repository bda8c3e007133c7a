"""The schema ``dms_pg``: ours for the progress of migrations, unless the name was taken first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.engine.preflight.case import Case, blocker, warning
from azext_dms_pg.postgres.checkpoint import SCHEMA
from azext_dms_pg.postgres.quoting import identifier
from azext_dms_pg.postgres.trust import explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azext_dms_pg.engine.preflight.case import Check
    from azext_dms_pg.model.finding import Finding

_NAMED_AT_MOST = 5


def on_source(case: Case) -> Iterator[Finding]:
    """No table in it is taken for the user's; bookkeeping of an earlier migration is not told."""
    own = case.source.own_schema
    tables = (
        [one.relation for one in own.objects if one.holds_rows and not one.is_ours] if own else []
    )
    if tables:
        yield warning(
            "OwnSchemaOnSource",
            f"schema {SCHEMA}",
            f"The source has tables in the schema {SCHEMA}: {_few(tables)}. Migrations keep their "
            "progress in a schema of that name, so these tables are not migrated.",
            f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_data; -- or carry them over with pg_dump "
            f"--schema={SCHEMA} after the cutover.",
        )


def on_target(case: Case) -> Iterator[Finding]:
    own = case.target.own_schema
    if own is None:
        return
    user = case.target.server.user
    closed = next((one for one in own.objects if one.is_ours and not one.may_write), None)
    for doubt in own.doubts:
        what, remedy = explain(doubt)
        yield blocker(
            "OwnSchemaNotTrusted",
            doubt.object,
            f"Statements that the migration keeps in the schema {SCHEMA} of the target are run "
            f"with the rights of user {user}, and somebody else has a hand in it: {what}",
            remedy,
        )
    if own.doubts:
        pass  # the rights to use it would be given in vain
    elif closed is not None:
        yield blocker(
            "OwnSchemaNotUsable",
            f"{SCHEMA}.{closed.relation}",
            f"User {user} may not write to {SCHEMA}.{closed.relation} of the target, where "
            "another user's migration keeps its progress.",
            # Whoever may write there has statements run with the rights of that user.
            "Wait until that migration has ended, or let its target user be the one of this task.",
        )
    elif not own.create:
        yield blocker(
            "OwnSchemaNotUsable",
            f"schema {SCHEMA}",
            f"The target has a schema {SCHEMA} already, and user {user} may not create tables in "
            "it: the progress of the migration is kept there.",
            f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO {identifier(user)};",
        )
    for one in own.objects:
        if one.named_like_ours and not one.is_ours:
            yield blocker(
                "OwnSchemaNameTaken",
                f"{SCHEMA}.{one.relation}",
                f"The target has a {one.described} already, which is not the one a migration "
                "keeps its progress in.",
                f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_data;",
            )
    mixed = any(one.is_ours for one in own.objects)
    others = [one.described for one in own.objects if not one.named_like_ours]
    if others:
        yield warning(
            "OwnSchemaHoldsOthers",
            f"schema {SCHEMA}",
            f"The target has objects of somebody else in the schema {SCHEMA}, where the migration "
            f"keeps its progress: {_few(others)}. They are left alone, and so is the schema.",
            # Another migration is under way there: nothing may be moved.
            "" if mixed else f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_data;",
        )


def _few(texts: Iterable[str]) -> str:
    told = list(texts)
    more = len(told) - _NAMED_AT_MOST
    return ", ".join(told[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


CHECKS: tuple[Check, ...] = (on_source, on_target)
