"""What stages tell the conductor by an exception: faults it tells apart, and none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from azext_dms_pg.errors import DmsPgError, MigrationError

if TYPE_CHECKING:
    from azext_dms_pg.postgres.changes import StreamRelation
    from azext_dms_pg.postgres.relations import Name


_CHECK = "23514"


class SchemaDriftError(MigrationError):
    """The source's table no longer fits the target's (hazard 23).

    Everything the source committed before is durably applied when this is raised.

    :param label: the table the user knows.
    :param relation: the table as the stream describes it: names, type OIDs and modifiers.
    """

    code = "SchemaDrift"

    def __init__(self, message: str, action: str, *, label: Name, relation: StreamRelation) -> None:
        super().__init__(message, action)
        self.label = label
        self.relation = relation


class TargetRenamedError(MigrationError):
    """Not a failure: a name on the target means another table now, so the plan is made again.

    Nothing was written under the wrong name: the transaction is rolled back.
    """

    code = "SchemaDrift"


class BeyondMendingError(MigrationError):
    """The source did what cannot follow; no statement on the target makes up for it."""


@dataclass(frozen=True)
class Refusal:
    """What on the target refused a row, in the target's own words; what it did not name is empty.

    :param relation: OID of the source's table the row is of; 0 when that is not known.
    :param domain: the type that refused, in ``schema``; else it was the table or column.
    """

    sqlstate: str
    relation: int
    schema: str
    table: str
    column: str
    constraint: str
    domain: str

    @property
    def is_unplaced(self) -> bool:
        """Whether no partition took the row: a CHECK that refuses would have been named."""
        return self.sqlstate == _CHECK and not self.constraint and not self.domain


class ApplyError(MigrationError):
    """The target refuses a change, and would refuse it again.

    :param label: the table the user knows, None when it is none in particular.
    :param sqlstate: why, None when the target did not refuse but did something else.
    :param refusal: what refused it, when that was a constraint.
    """

    code = "ApplyFailed"
    transactions = 0
    """How many whole source transactions were to be applied together."""
    lsn = 0
    """Where the last of them ends."""

    def __init__(
        self,
        message: str,
        action: str,
        *,
        label: Name | None = None,
        sqlstate: str | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(message, action)
        self.label = label
        self.sqlstate = sqlstate
        self.refusal = refusal


class LineReachedError(DmsPgError):
    """Not a failure: everything committed before the line is applied, and nothing after it."""

    code = "LineReached"


class BinaryImpossibleError(DmsPgError):
    """A table came to need text; the follower opens the stream again without binary values."""

    code = "BinaryImpossible"


class GoOnError(DmsPgError):
    """Not a failure: the stage asks to be entered again from the top."""
