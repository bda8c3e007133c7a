"""The full load alone: two databases, a snapshot held by the test, no slot and no worker.

    with Loading(source, target) as loading:
        loading.run()
    assert oracle.compare(source, target).clean

Owns the snapshot, the bookkeeping's one migration, and a thread when the test wants to disturb
the load meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from azext_dms_pg.engine.load import load
from azext_dms_pg.engine.load.budget import Budget
from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.values import LoadProgress, Plan, SnapshotHandle
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres import checkpoint
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.connect import connect
from tests.support import oracle
from tests.support.databases import Database
from tests.support.proxy import Proxy

MIGRATION = "loading"
_PATIENCE = 60.0


def reach(database: Database, proxy: Proxy | None = None, *, encrypt: bool = False) -> Connection:
    """The connection a task would have, perhaps by way of a proxy."""
    server = database.server
    return Connection(
        server=proxy.host if proxy else server.host,
        port=proxy.port if proxy else server.port,
        user=server.superuser,
        password=Secret(server.password),
        database=database.name,
        encrypt=encrypt,
        trust_server_certificate=True,
    )


def differences(source: Database, target: Database) -> list[str]:
    """What the oracle finds, without what a load alone leaves to later stages."""
    return [
        line
        for line in oracle.compare(source, target).differences
        if "sequence" not in line and "dms_pg" not in line
    ]


class Loading:
    """One load, run by hand."""

    def __init__(
        self,
        source: Database,
        target: Database,
        slots: Path,
        *,
        at_source: Connection | None = None,
        at_target: Connection | None = None,
        **settings: Any,
    ) -> None:
        self.at_source = at_source or reach(source)
        self.at_target = at_target or reach(target)
        self.settings = replace(MigrationSettings(), **settings)
        self.reports: list[LoadProgress] = []
        self.stop = threading.Event()
        self._slots = slots
        self._target = target
        with connect(reach(source), "source") as one, connect(reach(target), "target") as other:
            database = DatabaseInput(source.name, target.name)
            self.plan: Plan = make_plan(survey(one), survey(other), database, self.settings)
            checkpoint.install(other)
        self.holder = source.connect(autocommit=False)
        self.holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = self.holder.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        self.snapshot: str = row[0]
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._try, daemon=True)

    def run(self) -> None:
        """Load, and raise what the load raises."""
        load(
            self.plan,
            SnapshotHandle("slot", self.snapshot, 0),
            self.at_source,
            self.at_target,
            MIGRATION,
            self.settings,
            Budget(self._slots, self.settings.parallel_tables),
            self.reports.append,
            self.stop.is_set,
        )

    def start(self) -> None:
        """Load in the background."""
        self._thread.start()

    def finish(self) -> None:
        """Wait for the background load and raise what it raised."""
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive(), "the load does not end"
        if self._error is not None:
            raise self._error

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            assert self.running, f"the load ended before: {what}"
            assert time.monotonic() < deadline, f"never: {what}"
            time.sleep(0.005)

    def parts(self) -> dict[str, tuple[int, int]]:
        """What the bookkeeping says was loaded."""
        with connect(reach(self._target), "target") as connection:
            return checkpoint.loaded_parts(connection, MIGRATION)

    def _try(self) -> None:
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 - raised again by finish()
            self._error = error

    def __enter__(self) -> Loading:  # noqa: PYI034 - typing.Self is 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)
        self.holder.close()
