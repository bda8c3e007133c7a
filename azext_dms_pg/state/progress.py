"""What the workers write: task state, and one ``Journal`` a database.

A journal knows rows and columns, not their meaning to the migration; only the conductor calls it.
Every sentence is blotted on its way in: servers have a say in many of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azext_dms_pg.model.states import MigrationState, TableState, TaskState
from azext_dms_pg.state.history import keep_comparisons
from azext_dms_pg.state.store import Store, now

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from azext_dms_pg.model.finding import Finding
    from azext_dms_pg.state.records import Comparison

# Of one database. The newest, an hour and a half of them, are all kept.
_MOST_SAMPLES = 4_000
_DENSE_SAMPLES = 1_000


def set_task_state(store: Store, task: str, state: TaskState) -> None:
    """Move a task to a state; stamps its start and end."""
    moment = now()
    with store.transaction() as connection:
        connection.execute(
            "UPDATE task SET state = ?,"
            " started_on = CASE WHEN ? THEN coalesce(started_on, ?) ELSE started_on END,"
            " ended_on = CASE WHEN ? THEN ? END WHERE id = ?",
            (state.value, state is TaskState.RUNNING, moment, state.is_final, moment, task),
        )


def conclude(store: Store, task: str, state: TaskState, wanted: str) -> bool:
    """Say how the work on a task has ended; False when something else is wanted by now."""
    moment = now()
    with store.transaction() as connection:
        row = connection.execute("SELECT wanted FROM task WHERE id = ?", (task,)).fetchone()
        if row is not None and row[0] != wanted:
            return False
        connection.execute(
            "UPDATE task SET state = ?, ended_on = CASE WHEN ? THEN ? END WHERE id = ?",
            (state.value, state.is_final, moment, task),
        )
    return True


def reopen_database(store: Store, task: str, ordinal: int) -> None:
    """Make a failed database of a task at work unfinished again."""
    with store.transaction() as connection:
        _reopen(connection, task, ordinal)


def reopen(store: Store, task: str) -> None:
    """Make a failed task unfinished again; what its databases durably reached stays."""
    with store.transaction() as connection:
        connection.execute(
            # A pause stays: whoever stops the service at this moment means this task as well.
            "UPDATE task SET state = ?, wanted = CASE wanted WHEN 'cancel' THEN 'run'"
            " ELSE wanted END, ended_on = NULL WHERE id = ?",
            (TaskState.QUEUED.value, task),
        )
        _reopen(connection, task)


def _reopen(connection: sqlite3.Connection, task: str, ordinal: int | None = None) -> None:
    """:param ordinal: of the one database; None for all."""
    failed = (
        MigrationState.FAILED.value,
        MigrationState.VALIDATION_FAILED.value,
        MigrationState.VALIDATION_COMPLETE.value,
    )
    connection.execute(
        "UPDATE task_database SET state = ?, ended_on = NULL, problem = '', action = '',"
        " activity = 'going on where it stood'"
        " WHERE task = ? AND state IN (?, ?, ?) AND coalesce(?, ordinal) = ordinal",
        (MigrationState.UNDEFINED.value, task, *failed, ordinal),
    )
    connection.execute(
        "DELETE FROM event WHERE task = ? AND (? IS NULL OR ordinal = ?)"
        " AND (severity IN ('error', 'blocker') OR code = 'LeftBehind')",
        (task, ordinal, ordinal),
    )


def add_event(
    store: Store, task: str, ordinal: int | None, severity: str, code: str, **texts: str
) -> None:
    """:param texts: ``subject``, ``message``, ``action``."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO event (task, ordinal, at, severity, code, subject, message, action)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                task,
                ordinal,
                now(),
                severity,
                code,
                texts.get("subject", ""),
                store.blot(texts.get("message", "")),
                store.blot(texts.get("action", "")),
            ),
        )


def withdraw(store: Store, task: str, ordinal: int | None, code: str) -> None:
    """Take back what was told: it is not so any more, or about to be told anew."""
    with store.transaction() as connection:
        connection.execute(
            "DELETE FROM event WHERE task = ? AND ordinal IS ? AND code = ?", (task, ordinal, code)
        )


class Journal:
    """Writes the progress of one database of one task.

    :param beats: what is written shows that its worker lives; not so where somebody else writes.
    """

    def __init__(self, store: Store, task: str, ordinal: int, *, beats: bool = True) -> None:
        self._store = store
        self._key = (task, ordinal)
        self._beats = beats

    def state(self, state: MigrationState, activity: str = "") -> None:
        """Move the database to a state; stamps start, end and cutover, clears any problem."""
        moment, activity = now(), self._store.blot(activity)
        stamps: dict[str, Any] = {"state": state.value, "problem": "", "action": ""}
        if activity or state.is_final:
            stamps["activity"] = activity
        stamps["ended_on"] = moment if state.is_final else None
        cutover = moment if state is MigrationState.COMPLETING else None
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO passage (task, ordinal, at, state, activity)"
                " SELECT task, ordinal, ?, ?, ? FROM task_database"
                " WHERE task = ? AND ordinal = ? AND state <> ?",
                (moment, state.value, activity, *self._key, state.value),
            )
            self._set(connection, stamps)
            # Repeated by a worker that resumes: the first time counts.
            connection.execute(
                "UPDATE task_database SET started_on = coalesce(started_on, ?),"
                " cutover_on = coalesce(cutover_on, ?) WHERE task = ? AND ordinal = ?",
                (moment, cutover, *self._key),
            )

    def not_ready(self, activity: str) -> None:
        """Take READY_TO_COMPLETE back, for as long as nobody knows whether it is still true."""
        rows = self._store.query(
            "SELECT state FROM task_database WHERE task = ? AND ordinal = ?", self._key
        )
        if rows and rows[0][0] == MigrationState.READY_TO_COMPLETE.value:
            self.state(MigrationState.RUNNING, activity)

    def activity(self, sentence: str) -> None:
        self._update({"activity": self._store.blot(sentence)})

    def problem(self, message: str, action: str) -> None:
        """Say why nothing moves at this moment; empty texts take it back."""
        self._update({"problem": self._store.blot(message), "action": self._store.blot(action)})

    def solved(self, message: str) -> None:
        """Take that problem back, unless another one has been told since."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE task_database SET problem = '', action = '' "
                "WHERE task = ? AND ordinal = ? AND problem = ?",
                (*self._key, self._store.blot(message)),
            )

    def has_passed(self, state: MigrationState) -> bool:
        """Whether the database was ever in that state, in this process or an earlier one."""
        return bool(
            self._store.query(
                "SELECT 1 FROM passage WHERE task = ? AND ordinal = ? AND state = ? LIMIT 1",
                (*self._key, state.value),
            )
        )

    def load_ended(self) -> None:
        """Stamp the end of the full load; a worker that resumes does not move the stamp."""
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE task_database SET load_ended_on = coalesce(load_ended_on, ?)"
                " WHERE task = ? AND ordinal = ?",
                (now(), *self._key),
            )

    def versions(self, source: str, target: str) -> None:
        self._update(
            {
                "source_version": self._store.blot(source),
                "target_version": self._store.blot(target),
            }
        )

    def compared(self, found: Iterable[Comparison]) -> None:
        """Remember what a comparison of this database found."""
        task, ordinal = self._key
        keep_comparisons(self._store, task, [replace(item, ordinal=ordinal) for item in found])

    def heartbeat(self) -> None:
        self._update({})

    def event(self, severity: str, code: str, **texts: str) -> None:
        task, ordinal = self._key
        add_event(self._store, task, ordinal, severity, code, **texts)

    def withdraw(self, code: str) -> None:
        withdraw(self._store, *self._key, code)

    def findings(self, findings: Iterable[Finding]) -> None:
        """Replace the findings of an earlier check of this database."""
        rows = [
            (*self._key, now(), item.severity.value, item.code, item.subject,
             self._store.blot(item.message), self._store.blot(item.remedy))
            for item in findings
        ]  # fmt: skip
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM event WHERE task = ? AND ordinal = ? AND severity != 'error'",
                self._key,
            )
            connection.executemany(
                "INSERT INTO event (task, ordinal, at, severity, code, subject, message, action)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def reset_tables(self, tables: Iterable[tuple[str, str, str, int]]) -> None:
        """Begin the load anew: every table waits.

        :param tables: schema, name, format (``binary`` or ``text``), bytes on the source.
        """
        with self._store.transaction() as connection:
            self._set(connection, {"load_ended_on": None})
            connection.execute("DELETE FROM task_table WHERE task = ? AND ordinal = ?", self._key)
            connection.executemany(
                "INSERT INTO task_table (task, ordinal, schema, name, format, weight, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*self._key, *table, TableState.BEFORE_LOAD.value) for table in tables],
            )

    def loaded(self, tables: dict[tuple[str, str], list[int]]) -> None:
        """Every table is loaded: say so of those whose worker could not any more.

        :param tables: rows and bytes by (schema, name).
        """
        moment = now()
        with self._store.transaction() as connection:
            connection.executemany(
                "UPDATE task_table SET state = ?, rows = ?, bytes = ?, fraction = 1,"
                " started_on = coalesce(started_on, ?), ended_on = coalesce(ended_on, ?),"
                " estimated_end = NULL, modified_on = ?"
                " WHERE task = ? AND ordinal = ? AND schema = ? AND name = ? AND state != ?",
                [
                    (TableState.COMPLETED.value, *sums, moment, moment, moment, *self._key, *name,
                     TableState.COMPLETED.value)
                    for name, sums in tables.items()
                ],
            )  # fmt: skip

    def progress(
        self,
        tables: dict[tuple[str, str], dict[str, Any]],
        applied: list[int],
        position: dict[str, Any] | None,
    ) -> None:
        """Write what the stages reported since the last time, all or nothing.

        :param tables: by (schema, name): column → new value; a key ending in ``+`` adds.
        :param applied: inserts, updates, deletes to add to the database's counters, or empty.
        :param position: ``applied_lsn``, ``source_lsn``, ``incoming`` and ``latency``, or None.
        """
        moment = now()
        columns: dict[str, Any] = dict(position or {})
        columns.update(zip(("inserts+", "updates+", "deletes+"), applied, strict=False))
        with self._store.transaction() as connection:
            for (schema, name), changes in tables.items():
                terms, values = _terms({**changes, "modified_on": moment})
                connection.execute(
                    f"UPDATE task_table SET {terms}"  # noqa: S608 - our own column names
                    " WHERE task = ? AND ordinal = ? AND schema = ? AND name = ?",
                    (*values, *self._key, schema, name),
                )
            if columns:
                self._set(connection, columns)

    def sample(self) -> None:
        """Remember lag and totals of this moment, for the curves in watch and report."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO sample (task, ordinal, at, latency, applied, rows, incoming)"
                " SELECT d.task, d.ordinal, ?, d.latency, d.inserts + d.updates + d.deletes,"
                " (SELECT coalesce(sum(t.rows), 0) FROM task_table t"
                "  WHERE t.task = d.task AND t.ordinal = d.ordinal), d.incoming"
                " FROM task_database d WHERE d.task = ? AND d.ordinal = ?",
                (now(), *self._key),
            )
            kept = connection.execute(
                "SELECT count(*) FROM sample WHERE task = ? AND ordinal = ?", self._key
            ).fetchone()[0]
            if kept >= _MOST_SAMPLES:
                # The older, the sparser: the curve of a month still shows its beginning.
                connection.execute(
                    "DELETE FROM sample WHERE rowid IN (SELECT id FROM (SELECT rowid AS id,"
                    " row_number() OVER (ORDER BY at) AS number FROM sample"
                    " WHERE task = ? AND ordinal = ?) WHERE number % 2 = 0 AND number <= ?)",
                    (*self._key, _MOST_SAMPLES - _DENSE_SAMPLES),
                )

    def _update(self, columns: dict[str, Any]) -> None:
        with self._store.transaction() as connection:
            self._set(connection, columns)

    def _set(self, connection: sqlite3.Connection, columns: dict[str, Any]) -> None:
        terms, values = _terms({**columns, "heartbeat": now()} if self._beats else columns)
        connection.execute(
            f"UPDATE task_database SET {terms}"  # noqa: S608 - our own column names
            " WHERE task = ? AND ordinal = ?",
            (*values, *self._key),
        )


def _terms(columns: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    terms = [
        f"{name[:-1]} = {name[:-1]} + ?" if name.endswith("+") else f"{name} = ?"
        for name in columns
    ]
    return ", ".join(terms), tuple(columns.values())
