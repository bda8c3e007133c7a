"""The change stream alone: two databases with the same schema, a slot, a follower; no load.

    with Following(source, target, schema="CREATE TABLE t …", data="INSERT …") as following:
        source.run("UPDATE t …")
        following.catch_up()
    assert following.differences() == []

Owns publication, slot, bookkeeping and the follower's thread of events. The data is put on both
sides by the same script, before the slot is made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.stream import Course, Follower
from azext_dms_pg.engine.stream.fence import write_fence
from azext_dms_pg.engine.values import Applied, FencePassed, Plan, Position
from azext_dms_pg.model.connection import Connection
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres import checkpoint, publication, replication
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.connect import connect
from tests.support import oracle
from tests.support.databases import Database
from tests.support.loading import reach
from tests.support.proxy import Proxy

MIGRATION = "following"
PATIENCE = 60.0

Event = Applied | Position | FencePassed


class Following:
    """One migration's stream, run by hand.

    :param target_schema: when it differs from the source's.
    :param change_plan: to have a plan the servers alone would not lead to.
    """

    def __init__(
        self,
        source: Database,
        target: Database,
        schema: str,
        data: str = "",
        *,
        target_schema: str | None = None,
        at_source: Connection | None = None,
        at_target: Connection | None = None,
        change_plan: Callable[[Plan], Plan] = lambda plan: plan,
        **settings: Any,
    ) -> None:
        self.source, self.target = source, target
        self.at_source = at_source or reach(source)
        self.at_target = at_target or reach(target)
        self.settings = replace(MigrationSettings(), **settings)
        self.name = f"dms_pg_{source.name}"
        self.events: list[Event] = []
        self.error: BaseException | None = None
        self._follower: Follower | None = None
        self._thread: threading.Thread | None = None
        self._arrived = threading.Condition()
        for database, script in ((source, schema), (target, target_schema or schema)):
            if script:
                database.run(script)
            if data:
                database.run(data)
        self.plan = change_plan(self.replan())
        with connect(reach(source), "source") as one, connect(reach(target), "target") as other:
            if self.plan.plugin == "pgoutput":
                publication.create(one, self.name, [each.source for each in self.plan.routes])
            checkpoint.install(other)
            checkpoint.begin(
                other,
                checkpoint.Checkpoint(
                    MIGRATION, "", self.name, self.name, checkpoint.LOADED, "{}", None, None
                ),
            )
            with replication.create_slot(reach(source), self.name, self.plan.plugin) as made:
                checkpoint.start_load(other, MIGRATION, made.handle.consistent_lsn)
            checkpoint.set_phase(other, MIGRATION, checkpoint.LOADED)

    def replan(self) -> Plan:
        with (
            connect(reach(self.source), "source") as one,
            connect(reach(self.target), "target") as other,
        ):
            database = DatabaseInput(self.source.name, self.target.name)
            return make_plan(survey(one), survey(other), database, self.settings)

    def __enter__(self) -> Following:  # noqa: PYI034 - typing.Self is 3.11
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self.drop()

    # -- the follower ------------------------------------------------------------------------

    def follower(self) -> Follower:
        """One that nobody runs."""
        course = Course(
            self.plan,
            self.at_source,
            self.at_target,
            MIGRATION,
            self.name,
            self.name,
            self.settings,
        )
        return Follower(course)

    def start(self) -> None:
        """Follow in the background; also again after a stop or an error."""
        self.error = None
        self._follower = self.follower()
        self._thread = threading.Thread(target=self._consume, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._follower is not None:
            self._follower.close()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive(), "the follower did not stop"
        self._follower = self._thread = None

    def drop(self) -> None:
        """Take the slot and publication away."""
        if not self.source.server.running:
            return
        with connect(reach(self.source), "source") as session:
            replication.drop_slot(session, self.name)
            publication.drop(session, self.name)

    def _consume(self) -> None:
        assert self._follower is not None
        try:
            for event in self._follower.events():
                with self._arrived:
                    self.events.append(event)
                    self._arrived.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised where the test waits
            with self._arrived:
                self.error = error
                self._arrived.notify_all()

    # -- waiting -----------------------------------------------------------------------------

    def wait(self, until: Callable[[Event], bool], since: int = 0) -> Event:
        """The first event from number ``since`` on that fits; raises what the follower raised."""
        deadline = time.monotonic() + PATIENCE
        seen = since
        with self._arrived:
            while True:
                while seen < len(self.events):
                    if until(self.events[seen]):
                        return self.events[seen]
                    seen += 1
                if self.error is not None:
                    raise self.error
                left = deadline - time.monotonic()
                assert left > 0, f"nothing fitting came; last: {self.events[-3:]}"
                self._arrived.wait(left)

    def catch_up(self) -> FencePassed:
        """Write a fence and wait until it has passed."""
        with connect(reach(self.source), "source") as session:
            fence = write_fence(session)
        assert self._follower is not None
        since = len(self.events)
        self._follower.watch(fence)
        passed = self.wait(lambda event: isinstance(event, FencePassed), since)
        assert isinstance(passed, FencePassed)
        assert passed.fence == fence
        return passed

    def failure(self, seconds: float = PATIENCE) -> BaseException:
        """What the follower raises."""
        deadline = time.monotonic() + seconds
        with self._arrived:
            while self.error is None:
                left = deadline - time.monotonic()
                assert left > 0, f"no error came; last: {self.events[-3:]}"
                self._arrived.wait(left)
        return self.error

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Changes made inside are a backlog."""
        self.stop()
        yield
        self.start()

    # -- what came of it ---------------------------------------------------------------------

    def differences(self) -> list[str]:
        return oracle.compare(
            self.source, self.target, sequences=False, leftovers=False
        ).differences

    def counts(self) -> dict[str, list[int]]:
        """Inserts, updates, deletes and truncates told so far, by table."""
        counts: dict[str, list[int]] = {}
        for event in self.events:
            if isinstance(event, Applied):
                for table in event.tables:
                    count = counts.setdefault(str(table.label), [0, 0, 0, 0])
                    for at, more in enumerate(
                        (table.inserts, table.updates, table.deletes, table.truncates)
                    ):
                        count[at] += more
        return counts


def through(proxy: Proxy, database: Database) -> Connection:
    """The database by way of a proxy."""
    return reach(database, proxy)
