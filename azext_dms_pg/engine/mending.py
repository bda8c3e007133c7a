"""What stands between the stream and the target's schema: told with its remedy, and waited for.

Owns the pause and its words; what the target lacks is found by ``drift/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from azext_dms_pg.engine.drift.proof import suspects
from azext_dms_pg.engine.drift.refusal import Refused
from azext_dms_pg.engine.faults import ApplyError, BeyondMendingError, SchemaDriftError
from azext_dms_pg.engine.planning.plan import TEST_DECODING
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.engine.board import Board
    from azext_dms_pg.engine.drift.looking import Looking
    from azext_dms_pg.engine.drift.statements import MissingStatement
    from azext_dms_pg.engine.requests import Requests
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.state.progress import Journal

_DRIFT_POLL_SECONDS = 2.0
_LONGEST_PUZZLE_SECONDS = 30.0
_WAITING = "waiting for the target to get the source's schema"

Session = psycopg.Connection[Any]


class TargetBehindError(MigrationError):
    """Not a failure: a look has found what the target lacks, before a row needed it."""

    code = "SchemaDrift"

    def __init__(self) -> None:
        super().__init__("", "")


class Mending:
    """Waits until the user has mended the target's schema."""

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        board: Board,
        requests: Requests,
        looking: Looking,
    ) -> None:
        self._plan = plan
        self._journal = journal
        self._board = board
        self._requests = requests
        self._looking = looking

    def wait(self, error: MigrationError, source: Session, target: Session) -> bool:
        """Wait, with the missing statements in the journal, until the target has them.

        False when no difference between the catalogues explains the error.

        :raises BeyondMendingError: a difference explains it that no statement mends.
        """
        if self._plan.plugin == TEST_DECODING and isinstance(error, ApplyError):
            self._check_identity(error, source)
        # What was accepted at the beginning is no reason to pause, unless the stream stops at it;
        # what the target had to refuse rows of its own, only if it has refused this one.
        accepted = self._plan.accepted
        refusal = error.refusal if isinstance(error, ApplyError) else None
        strict = isinstance(error, TargetBehindError) or refusal is not None
        refused = Refused(self._plan, refusal) if refusal is not None else None
        unplaced = refusal is not None and refusal.is_unplaced

        def lacking() -> list[MissingStatement]:
            found = [
                item
                for item in self._looking.missing(source, target, self._plan, unplaced=unplaced)
                if item.statement not in accepted or not (strict or item.loosens)
            ]
            known = {item.statement for item in found}
            more = refused.statements(source, target) if refused else []
            return found + [item for item in more if item.statement not in known]

        missing = lacking()
        if not missing and not isinstance(error, (SchemaDriftError, TargetBehindError)):
            return self._is_outdated(source, target)
        if not missing and isinstance(error, SchemaDriftError):
            self._puzzle(error)
        doubtful = suspects(source, target, self._plan) if missing else {}
        if missing:
            # A cutover that is asked for now could not end before the target has them.
            self._journal.not_ready(_WAITING)
        told = ""
        while missing:
            self._board.flush()
            if told != (told := _script(missing)):
                # Also behind a cutover's request: it says what it was about to do until then.
                self._journal.activity(f"{_WAITING}: {told}")
            self._journal.problem(
                _told(error, missing) + _warned(doubtful),
                "Run on the target, then the task goes on by itself: " + told,
            )
            self._requests.sleep(_DRIFT_POLL_SECONDS)
            missing = lacking()
        self._journal.problem("", "")
        self._journal.activity("the target was mended; going on")
        return True

    def _check_identity(self, error: ApplyError, source: Session) -> None:
        """Which row was meant is told by the replica identity, and that it moved only pgoutput."""
        if error.sqlstate is not None:
            return  # the target has refused a row: it was found
        with translated("source", "reading the catalogue"):
            now = {each.oid: each.identity_numbers for each in survey(source).relations}
        for table in self._plan.begun:
            if table.label == error.label and now.get(table.oid, table.identity) != table.identity:
                raise BeyondMendingError(
                    f"The replica identity of {table.label} was changed on the source since the "
                    "migration began, and test_decoding does not tell that: which rows a change "
                    f"is about cannot be known. {error.message}",
                    "Cancel the task and begin anew; change replica identities before or after a "
                    "migration.",
                    code="IdentityChanged",
                ) from error

    def _is_outdated(self, source: Session, target: Session) -> bool:
        """Whether names on the target have changed since the plan: another table was asked."""
        now = self._looking.plan_now(source, target)
        return _places(now) != _places(self._plan)

    def _puzzle(self, error: SchemaDriftError) -> None:
        """The catalogues agree, the stream does not: look again, but not without a pause."""
        times = self._looking.unexplained(error.message)
        if times > 1:
            self._board.flush()
            self._journal.problem(error.message, error.action)
            self._requests.sleep(min(_DRIFT_POLL_SECONDS * 2**times, _LONGEST_PUZZLE_SECONDS))


def _script(missing: list[MissingStatement]) -> str:
    """One line to be run as it stands: what is but a comment would hide all that follows it."""
    return " ".join(sorted((item.statement for item in missing), key=_is_comment))


def _is_comment(text: str) -> bool:
    return text.startswith("--")


def _places(plan: Plan) -> dict[int, tuple[int, Name]]:
    return {route.source.oid: (route.target.oid, route.target.name) for route in plan.routes}


def _told(error: MigrationError, missing: list[MissingStatement]) -> str:
    """What is the matter; with the reasons where only something is to be taken away."""
    if all(item.loosens for item in missing):
        why = "; ".join(item.reason for item in missing)
        return f"The target refuses rows the source takes: {why}. {error.message}".rstrip()
    return f"The source's schema has changed; the target lacks it. {error.message}"


def _warned(doubtful: Mapping[Name, str]) -> str:
    if not doubtful:
        return ""
    tables = "; ".join(f"{label}: {why}" for label, why in list(doubtful.items())[:3])
    return (
        " A statement on the target does not give rows that are already there the values they "
        f"have on the source now, save in generated columns ({tables}). These tables are compared "
        "at the cutover: if rows differ, the cutover fails, the source stays in use, and the "
        "migration has to begin anew."
    )
