"""A whole migration between two databases, done by real worker processes.

    outcome = mover.whole(source, target, schema=…, data=…, changes=[…])

    task = mover.ready_with(source, target, schema=…)
    source.run(…)
    task.finish()

Owns: a private state directory, the tasks in it and the processes that work on them, and what
"it went well" means (the oracle is clean and something travelled through the stream). Talks to
the package under test through ``LocalBackend`` alone, as the command line does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azext_dms_pg.backends.base import ProjectAddress, ServiceAddress, TaskAddress
from azext_dms_pg.backends.local import LocalBackend
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.options import DEFAULTS, TaskOptions
from azext_dms_pg.model.task_input import SOURCE_PLATFORM, TARGET_PLATFORM, DatabaseInput, TaskInput
from tests.support import oracle, processes
from tests.support.databases import Database
from tests.support.proxy import Proxy

Json = dict[str, Any]

PATIENCE = 90.0  # seconds; a state that takes longer is never reached
_POLL = 0.05
SERVICE = ServiceAddress("group", "service")
_PROJECT = ProjectAddress("group", "service", "project")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_ENDED_BADLY = {"FAILED", "VALIDATION_FAILED", "CANCELLED"}


@dataclass(frozen=True)
class Login:
    """A role to connect as, instead of the superuser."""

    user: str
    password: str


@dataclass(frozen=True)
class Outcome:
    """How a migration ended.

    :param database: the database's last output.
    :param findings: what preflight and the cutover had to say.
    """

    database: Json
    findings: list[Json]
    report: oracle.Report

    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.findings}


@dataclass
class Task:
    """One task under way."""

    backend: LocalBackend
    where: TaskAddress
    source: Database
    target: Database
    directory: Path
    before: frozenset[str]
    given: TaskInput
    states: list[str] = field(default_factory=list)

    def show(self) -> Json:
        """``properties`` as ``az dms project task show --expand output`` prints them."""
        shown: Json = self.backend.tasks.show(self.where, expand="output")["properties"]
        return shown

    def level(self, kind: str) -> list[Json]:
        return [item for item in self.show()["output"] if item["resultType"] == kind]

    def database(self) -> Json:
        return self.level("DatabaseLevelOutput")[0]

    def tables(self) -> dict[str, Json]:
        return {item["tableName"]: item for item in self.level("TableLevelOutput")}

    def findings(self) -> list[Json]:
        return [
            finding
            for item in self.level("DatabaseLevelErrorOutput")
            for finding in item["findings"]
        ]

    def problem(self) -> str:
        """What ``show`` says stands in the way at this moment."""
        return "\n".join(
            item["errorMessage"] or "" for item in self.level("DatabaseLevelErrorOutput")
        )

    @property
    def state(self) -> str:
        found: str = self.database()["migrationState"]
        if not self.states or self.states[-1] != found:
            self.states.append(found)
        return found

    def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait for a condition; a task that ends badly meanwhile ends the wait."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.state in _ENDED_BADLY:
                if condition():
                    return
                raise AssertionError(f"{self.state} instead of {what}\n{self.story()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {seconds:.0f} seconds\n{self.story()}")
            time.sleep(_POLL)

    def reach(self, *wanted: str) -> str:
        """Wait for one of these migration states."""
        self.until(lambda: self.state in wanted, " or ".join(wanted))
        return self.states[-1]

    def ready(self) -> None:
        self.reach("READY_TO_COMPLETE")

    def refused(self) -> None:
        """Wait until preflight has refused the whole task."""
        self.reach("VALIDATION_FAILED")
        self.end("FailedInputValidation")

    def end(self, state: str) -> None:
        """Wait until the task as a whole has come to this state, good or bad."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.show()["state"]) != state:
            if time.monotonic() > deadline:
                raise AssertionError(f"{found} instead of {state}\n{self.story()}")
            time.sleep(_POLL)

    def settle(self) -> None:
        """Wait until everything committed on the source so far is on the target."""
        mark = self.source.value(
            "SELECT pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn"
        )
        self.until(lambda: _lsn(self.database()["sourceLsn"]) >= mark, f"LSN {mark} at the source")
        self.until(lambda: self.state == "READY_TO_COMPLETE", "in step")

    def cutover(self) -> None:
        self.backend.tasks.cutover(self.where, object_name=None)

    def finish(self) -> Json:
        """Cut over and wait for the end of the whole task; its last database output."""
        self.cutover()
        self.reach("COMPLETE")
        self.end("Succeeded")
        return self.database()

    def cancel(self) -> None:
        self.backend.tasks.cancel(self.where)
        self.end("Canceled")

    def compare(self, **options: Any) -> oracle.Report:
        """The oracle's word; the target's catalogue must be as before the task."""
        options.setdefault("catalogue_before", self.before)
        return oracle.compare(self.source, self.target, **options)

    def story(self) -> str:
        """Everything that helps to see why it went wrong."""
        lines = [f"states: {' '.join(self.states)}", f"activity: {self.database()['activity']}"]
        lines += [str(error) for error in self.show()["errors"]]
        lines += [f"problem: {self.problem()}"]
        logs = sorted((self.directory / "log").glob("*.log"))
        lines += [log.read_text(errors="replace")[-3000:] for log in logs]
        return "\n".join(lines)


class Mover:
    """Makes tasks in one private state directory, and ends their processes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.backend = LocalBackend(directory)
        self._tasks: list[Task] = []

    def start(  # noqa: PLR0913 - each is of one kind of test
        self,
        source: Database,
        target: Database,
        *,
        tables: Iterable[str] | None = None,
        settings: Mapping[str, str] | None = None,
        source_settings: Mapping[str, str] | None = None,
        source_login: Login | None = None,
        target_login: Login | None = None,
        source_by: Proxy | None = None,
        target_by: Proxy | None = None,
        others: Iterable[tuple[Database, Database]] = (),
        options: TaskOptions = DEFAULTS,
    ) -> Task:
        """Create a task and return at once.

        :param source_by: what the workers take for the source's address; ``target_by`` likewise.
        :param others: more databases of the same servers, all tables of each.
        """
        if not self._tasks:
            self.backend.services.create(
                SERVICE, location="local", sku=None, subnet=None, tags=None
            )
            self.backend.projects.create(
                _PROJECT,
                source_platform=SOURCE_PLATFORM,
                target_platform=TARGET_PLATFORM,
                location=None,
                tags=None,
            )
        before = oracle.snapshot(target)
        where = _PROJECT.task(f"task{len(self._tasks) + 1}")
        database = DatabaseInput(
            source.name,
            target.name,
            None if tables is None else tuple(tables),
            migration_setting=dict(settings or {}),
            source_setting=dict(source_settings or {}),
        )
        task_input = TaskInput(
            _connection(source, source_login, source_by),
            _connection(target, target_login, target_by),
            (database, *(DatabaseInput(one.name, other.name) for one, other in others)),
        )
        task = Task(self.backend, where, source, target, self.directory, before, task_input)
        self._tasks.append(task)
        self.backend.tasks.create(where, task_input, options)
        return task

    def ready_with(
        self,
        source: Database,
        target: Database,
        schema: str,
        data: str = "",
        *,
        target_schema: str | None = None,
        **options: Any,
    ) -> Task:
        """Schema on both, data on the source; a task that has loaded it and is in step.

        :param target_schema: when it differs from the source's.
        :param options: as for ``start``.
        """
        there = schema if target_schema is None else target_schema
        for database, script in ((source, schema), (target, there), (source, data)):
            if script:
                database.run(script)
        task = self.start(source, target, **options)
        task.ready()
        return task

    def whole(
        self,
        source: Database,
        target: Database,
        *,
        schema: str = "",
        target_schema: str | None = None,
        data: str = "",
        changes: Iterable[str] = (),
        compare: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Outcome:
        """Schema on both, data on the source, load, changes while streaming, cutover, oracle.

        :param changes: each is a transaction of its own.
        :param compare: options for the oracle.
        :param options: as for ``start``.
        """
        task = self.ready_with(source, target, schema, data, target_schema=target_schema, **options)
        changes = list(changes)
        for statement in changes:
            source.run(statement)
        database = task.finish()
        report = task.compare(**(compare or {}))
        assert report.clean, f"{report.text}\n{task.story()}"
        if changes:
            assert database["appliedChanges"] > 0, "nothing went through the stream"
        return Outcome(database, task.findings(), report)

    def workers(self) -> list[int]:
        """Processes of ours that run: supervisors and workers."""
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and str(self.directory) in processes.command_line(int(entry.name))
        ]

    def suspend(self, pid: int) -> None:
        """SIGSTOP, but not within a transaction of the store, which would lock everybody out."""
        while True:
            os.kill(pid, signal.SIGSTOP)
            with contextlib.closing(
                sqlite3.connect(self.directory / "state.db", timeout=1.0, isolation_level=None)
            ) as probe:
                try:
                    probe.execute("BEGIN IMMEDIATE")
                    probe.execute("ROLLBACK")
                except sqlite3.OperationalError:
                    os.kill(pid, signal.SIGCONT)
                    time.sleep(_POLL)
                else:
                    return

    def memory(self) -> int:
        """Megabytes the largest of the processes has held at its peak."""
        peaks = [0]
        for pid in self.workers():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                peaks += [int(kilobytes) // 1024 for kilobytes in _PEAK.findall(status)]
        return max(peaks)

    def close(self) -> None:
        """End every process of ours; what they left on the servers goes with the databases."""
        for _ in range(100):
            found = self.workers()
            if not found:
                return
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


def _connection(database: Database, login: Login | None, proxy: Proxy | None = None) -> Connection:
    login = login or Login(database.server.superuser, database.server.password)
    return Connection(
        server=(proxy or database.server).host,
        port=(proxy or database.server).port,
        user=login.user,
        password=Secret(login.password),
    )


def _lsn(text: str | None) -> int:
    if not text:
        return 0
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)
