"""Looks at the source's catalogue while changes are followed, and before the cutover.

Much of what is done to a schema is not in the stream, or only once a row needs it: tables that
come too late or are replaced, rewrites, renamed labels. A fingerprint tells whether anything has
changed; only then both catalogues are read. Says at once what is found, and what the target lacks.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from azext_dms_pg.engine.drift.creating import create_sequence
from azext_dms_pg.engine.drift.definitions import not_carried
from azext_dms_pg.engine.drift.leftovers import leftovers
from azext_dms_pg.engine.drift.membership import (
    check_places,
    check_publication,
    detached_yet_followed,
    refreshed,
)
from azext_dms_pg.engine.drift.partitions import elsewhere, missing_partitions
from azext_dms_pg.engine.drift.proof import suspects
from azext_dms_pg.engine.drift.statements import (
    Catalogues,
    MissingStatement,
    compare,
    fingerprint,
    read_both,
)
from azext_dms_pg.engine.faults import BeyondMendingError
from azext_dms_pg.engine.planning.memory import recall, written
from azext_dms_pg.engine.planning.plan import TEST_DECODING
from azext_dms_pg.engine.planning.resuming import (
    newcomers,
    not_migrated,
    resume_plan,
    uncarried_sequences,
)
from azext_dms_pg.postgres import checkpoint
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Collection

    from azext_dms_pg.engine.job import Job
    from azext_dms_pg.engine.planning.memory import Memory
    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.postgres.relations import Name, Relation
    from azext_dms_pg.postgres.survey import Survey
    from azext_dms_pg.state.progress import Journal

Session = psycopg.Connection[Any]

_EVERY_SECONDS = 30.0
# test_decoding does not tell of precision and scale: a value would be rounded meanwhile.
_EVERY_SECONDS_AS_TEXT = 5.0


class Looking:
    """Remembers what was seen and said, for as long as this process works."""

    def __init__(self, job: Job, journal: Journal) -> None:
        self._job = job
        self._once = _Once(journal)
        self._fingerprint = ""
        self._looked = float("-inf")
        self._cleared: set[int] = set()
        self._doubtful: dict[Name, str] = {}
        self._unexplained: Counter[str] = Counter()

    def unexplained(self, text: str) -> int:
        """How often in a row the stream could not go on for this reason."""
        self._unexplained[text] += 1
        return self._unexplained[text]

    def went_on(self) -> None:
        self._unexplained.clear()

    def is_due(self, plan: Plan) -> bool:
        every = _EVERY_SECONDS_AS_TEXT if plan.plugin == TEST_DECODING else _EVERY_SECONDS
        return time.monotonic() - self._looked > every

    def open(self, source: Session, target: Session, plan: Plan) -> list[MissingStatement]:
        """``glance`` before the stream is opened, and keep what belongs to what by now.

        Changes of a new partition are only applied once its place is known, and after what a
        dropped one has left on the target is gone.
        """
        missing = self.glance(source, target, plan)
        if not missing:
            memory = self._memory(target)
            membership = refreshed(source, target, plan, memory.membership)
            if membership != memory.membership:
                text = written(replace(memory, membership=membership))
                with target.transaction():
                    checkpoint.keep_plan(target, self._job.id, text)
        return missing

    def glance(self, source: Session, target: Session, plan: Plan) -> list[MissingStatement]:
        """``look`` if anything has changed on the source since the last one."""
        self._looked = time.monotonic()
        now = fingerprint(source, "source")
        return [] if now == self._fingerprint else self._look(source, target, plan, now)

    def look(self, source: Session, target: Session, plan: Plan) -> list[MissingStatement]:
        """Say what is found; what the target lacks of the source's schema is returned.

        What it lacked at the beginning already, and the user accepted, is not among that.

        :raises BeyondMendingError: a table was replaced, or rows came by another way.
        """
        return self._look(source, target, plan, fingerprint(source, "source"))

    def _look(
        self, source: Session, target: Session, plan: Plan, seen: str
    ) -> list[MissingStatement]:
        """:param seen: fingerprint of what was there before anything is read here."""
        self._doubtful.clear()
        memory = self._memory(target)
        self._doubtful.update(self._publication(source, memory, plan))
        with translated("source", "looking at the tables again"):
            now = survey(source)
        self._doubtful.update(check_places(source, now, memory))
        self._tables(source, now, memory)
        for label, why in self.doubtful(source, target, plan).items():
            self._once.event(
                "warning",
                "TableRewritten",
                label,
                f"{label}: {why} since it was loaded. Rows that were there before may have other "
                "values now, of which the change stream says nothing (VACUUM FULL, CLUSTER and "
                "TRUNCATE are harmless). The table is compared in full at the cutover, but for "
                "generated columns; if rows differ, the cutover fails and the source stays in use.",
                "If the change gave old rows other values, cancel the task and begin anew, or "
                "UPDATE the rows on the source so that they are sent.",
            )
        missing, both = self._compared(source, target, plan, plan.accepted)
        if not missing:
            # A column the target lacks may bring its sequence.
            self._sequences(both, memory)
            self._definitions(source, target, plan, memory)
            self._partitions(both, memory)
        # Only a look without anything left to do may be the last one for this state of things.
        self._fingerprint = "" if missing else seen
        self._looked = time.monotonic()
        return missing

    def missing(
        self,
        source: Session,
        target: Session,
        plan: Plan,
        accepted: Collection[str] = (),
        *,
        unplaced: bool = False,
    ) -> list[MissingStatement]:
        """What the target lacks of the source's schema, or has left of what the source dropped.

        :param unplaced: no partition of the target took a row.
        """
        return self._compared(source, target, plan, accepted, unplaced=unplaced)[0]

    def _compared(
        self,
        source: Session,
        target: Session,
        plan: Plan,
        accepted: Collection[str],
        *,
        unplaced: bool = False,
    ) -> tuple[list[MissingStatement], Catalogues]:
        """``missing``, and the catalogues it was told from."""
        both = read_both(source, target, plan)
        found = [item for item in compare(both, plan) if item.statement not in accepted]
        memory = self._memory(target)
        if memory.membership.places or memory.empty_roots:
            found += leftovers(both.source, target, memory.membership)
            found += missing_partitions(both.source, both.target, memory, refused=unplaced)
        # A schema may be missed for several things in it.
        return list({item.statement: item for item in found}.values()), both

    def check_publication(self, source: Session, target: Session) -> None:
        """:raises BeyondMendingError: it is not as it was made."""
        kept = self._memory(target).membership.published
        check_publication(source, self._job.source_object, kept)

    def doubtful(self, source: Session, target: Session, plan: Plan) -> dict[Name, str]:
        """Tables to be proven at the cutover, with the reason; as of the last look."""
        return {**suspects(source, target, plan), **self._doubtful}

    def plan_now(self, source: Session, target: Session) -> Plan:
        """The plan with today's columns: what came while changes were followed is compared too."""
        with translated("source", "reading the catalogue"):
            here = survey(source)
        with translated("target", "reading the catalogue"):
            there = survey(target)
        memory = self._memory(target)
        return resume_plan(here, there, self._job.database, self._job.settings, memory)

    def _memory(self, target: Session) -> Memory:
        kept = checkpoint.read(target, self._job.id)
        assert kept is not None  # noqa: S101 - changes are being followed
        return recall(kept.plan)

    def _publication(self, source: Session, memory: Memory, plan: Plan) -> dict[Name, str]:
        published = memory.membership.published
        why = check_publication(source, self._job.source_object, published)
        return dict.fromkeys(plan.labels, why) if why else {}

    def _tables(self, source: Session, now: Survey, memory: Memory) -> None:
        for name in not_migrated(now, self._job.database, memory):
            self._once.event(
                "warning",
                "TableNotMigrated",
                name,
                f"{name} was made on the source after the migration began. It is not migrated: "
                "neither its rows nor its changes reach the target.",
                "Copy it by itself after the cutover, or cancel the task and begin anew.",
            )
        live = {relation.oid for relation in now.relations}
        names = {relation.name for relation in now.relations}
        kept = {table.label for table in memory.tables if table.oid in live} | names
        for table in memory.tables:
            # Of a partitioned table the root is gone too: partitions alone leave rows behind.
            if table.oid not in live and table.label not in kept:
                self._once.event(
                    "warning",
                    "SourceTableDropped",
                    table.label,
                    f"{table.label} was dropped on the source; the target keeps the rows it has.",
                    "Drop it on the target too, if it is not wanted any more.",
                )
        for oid, name in detached_yet_followed(now, memory).items():
            place = memory.membership.places[oid]
            self._once.event(
                "warning",
                "PartitionDetached",
                name,
                f"{name} is not a partition of {place.label} any more on the source. Its changes "
                f"still come; on the target its rows are in {place.label}.",
                "Detach the partition on the target too, if the rows are to be apart there.",
            )
        for leaf, label in newcomers(now, memory):
            if leaf.oid in self._cleared or leaf.oid in memory.membership.places:
                continue
            if leaf.pages and _held_rows(source, now, leaf, label):
                if memory.plugin == TEST_DECODING:
                    # Its stream holds all tables: whether these rows came through is to be seen.
                    self._doubtful[label] = f"{leaf.name} held rows before it became a partition"
                    continue
                raise BeyondMendingError(
                    f"{leaf.name} held rows before it became a partition of {label} on the "
                    "source: these rows are not on the target, and the change stream does not "
                    "bring them.",
                    "Cancel the task and begin anew. Or detach the partition on the source, run "
                    "az dms project task restart, and insert its rows through the parent.",
                    code="PartitionHadRows",
                )
            self._cleared.add(leaf.oid)

    def _sequences(self, both: Catalogues, memory: Memory) -> None:
        database = self._job.database
        for sequence, late in uncarried_sequences(both.source, both.target, database, memory):
            name = sequence.name
            made = create_sequence(name, both.here.sequences.get(name))
            action = f"Run on the target, before the cutover if that is to set its value: {made}"
            lacks = "The target has none of that name"
            if name in both.target.sequence_by_name:
                lacks = "The target's of that name stands for another one of the source"
                action = f"Give that one another name. {action}"
            if late:
                code = "SequenceNotCarried"
                told = f"Sequence {name} was made on the source after the migration began."
            else:
                code = "TargetSequenceGone"
                told = f"The target's sequence that stood for {name} of the source is gone."
            message = f"{told} {lacks}, so its value is not carried over."
            self._once.event("warning", code, name, message, action)

    def _partitions(self, both: Catalogues, memory: Memory) -> None:
        if not (memory.membership.places or memory.empty_roots):
            return
        in_default, apart = elsewhere(both.source, both.target, memory)
        for name, default in in_default.items():
            self._once.event(
                "info",
                "PartitionNotMade",
                name,
                f"{name} is a new partition on the source. The target has none for its rows; they "
                f"are in its default partition {default}. Nothing is missing.",
                f"If the target shall have it too: after the cutover, move these rows out of "
                f"{default} and make the partition, in one transaction.",
            )
        for each in apart:
            where = "in a table of their own" if each.former is None else f"with {each.former}"
            self._once.event(
                "warning",
                "PartitionApart",
                each.name,
                f"{each.name} is a partition of {each.parent} on the source now. The target has "
                f"no such partition that could be made of its table: its rows stay {where}, and "
                f"a query of {each.parent} there does not find them. Its changes still come.",
                f"If {each.parent} shall have them on the target too: move them after the cutover.",
            )

    def _definitions(self, source: Session, target: Session, plan: Plan, memory: Memory) -> None:
        for made in not_carried(source, target, plan, memory.membership, self._job.id):
            self._once.event(
                "warning",
                "DefinitionNotCarried",
                made.name,
                f"{made.name} was made or changed on the source after the migration began; the "
                "target has no such constraint, index, default or trigger. Nothing waits for it.",
                "If the target shall have it, run there, a constraint or trigger after the "
                f"cutover: {made.statement}",
            )


class _Once:
    """Says each thing once, however often it is seen."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: set[tuple[str, Name]] = set()

    def event(self, severity: str, code: str, subject: Name, message: str, action: str) -> None:
        if (code, subject) not in self._told:
            self._told.add((code, subject))
            self._journal.event(
                severity, code, subject=str(subject), message=message, action=action
            )


def _held_rows(source: Session, now: Survey, leaf: Relation, label: Name) -> bool:
    """Whether rows of the partition are older than its being one."""
    above = leaf.ancestors[: leaf.ancestors.index(label)] if label in leaf.ancestors else ()
    chain = [leaf.oid, *(now.by_name[name].oid for name in above)]
    text = statement("drift", "rows_before_attach", source.info.server_version)
    query = sql.SQL(text).format(  # our own file, not a name from anywhere
        table=sql.Identifier(leaf.name.schema, leaf.name.name),
        # Not as a parameter: a name may have a percent sign in it.
        chain=sql.Literal(chain),
    )
    with translated("source", f"looking at {leaf.name}"):
        try:
            with source.transaction():
                row = source.execute(query).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            return False  # the count at the cutover will say so
    return bool(row and row[0])
