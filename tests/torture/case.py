"""One seed from its plan to the oracle's word.

Owns the order of things: start, strike, mend, end, judge. ``faults`` does the damage, ``user``
keeps the task going, ``endings`` says how it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput
from tests.support.azcli import Az
from tests.support.databases import Database
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.torture import endings, keeping, moments, own, striking
from tests.torture.door import TASK, Direct, Door, Typed
from tests.torture.lab import Disk, Lab
from tests.torture.line import Line
from tests.torture.observer import Observer
from tests.torture.own import Own
from tests.torture.plan import Plan
from tests.torture.result import Result
from tests.torture.user import PATIENCE, User
from tests.torture.verdict import judge, untrue_ready

Json = dict[str, Any]

_END = {
    "cutover": endings.cut_over,
    "cancel": endings.cancel,
    "failed": endings.fail,
    "refused": endings.refuse,
}


class Case:
    """Everything a fault may lay hands on while one seed runs."""

    def __init__(self, lab: Lab, plan: Plan, home: Path) -> None:
        self.lab = lab
        self.plan = plan
        self.random = Random(f"case {plan.seed}")
        self.home = home
        az = Az(home) if plan.typed else None
        self.directory = directory = home / "state" if az is None else Typed.state_directory(az)
        self.state_disk: Disk | None = None
        struck = {strike.fault for strike in plan.strikes}
        if "state disk full" in struck:
            self.state_disk = lab.state_disk(directory)
        self.pair = lab.pair(plan.pair)
        self.lines = [self._line(number) for number in range(len(plan.tracts))]
        self.source_proxy = Proxy(Server.host, self.pair.source.port)
        self.target_proxy = Proxy(Server.host, self.pair.target.port)
        # Looking is done often, so always by the short way; orders go through the door.
        self.eyes = Direct(directory)
        self.door: Door = self.eyes if az is None else Typed(az)
        self.user = User(plan, self.door, self.eyes, self.lines, self.random)
        self.result = Result(plan)
        self.observer: Observer | None = None
        self.asked = False
        # The database that is struck at the moment.
        self.aim = 0
        self.task_id = ""
        self.own = Own(directory, "")

    def _line(self, number: int) -> Line:
        tract = self.plan.tracts[number]
        struck = {strike.fault for strike in self.plan.strikes if number in strike.victims}
        source, target = self.lab.databases(
            self.pair,
            tract.mix,
            evolving=tract.changes,
            small_disk="target disk full" in struck,
        )
        if "freeze beyond wal_sender_timeout" in struck:
            source.run(f"ALTER DATABASE {source.name} SET wal_sender_timeout = '1s'")
        return Line(number, self.plan, source, target)

    # -- what faults use -------------------------------------------------------------------

    @property
    def source(self) -> Database:
        return self.lines[self.aim].source

    @property
    def target(self) -> Database:
        return self.lines[self.aim].target

    @property
    def watch(self) -> Observer:
        assert self.observer is not None
        return self.observer

    def show(self) -> Json:
        return self.eyes.show()

    def database(self, number: int) -> Json:
        return moments.databases(self.show())[number]

    def findings(self, line: Line) -> list[Json]:
        """What has been said of a database."""
        return [
            finding
            for item in self.show()["output"]
            if item["resultType"] == "DatabaseLevelErrorOutput"
            and item["databaseName"] == line.source.name
            for finding in item["findings"]
        ]

    def pid(self, who: str) -> int | None:
        """Process id of the ``supervisor`` or the struck database's ``worker`` if it lives."""
        return self.own.holder("" if who == "supervisor" else f".{self.aim}")

    def kill(self, who: str) -> bool:
        pid = self.pid(who)
        if pid is not None:
            own.kill([pid])
        return pid is not None

    def kill_all(self) -> bool:
        """SIGKILL every process that names our state directory, as a power cut does."""
        found = self.processes()
        own.kill(found)
        self.until(lambda: not self.processes(), "the processes' end", nurse=False)
        return bool(found)

    def processes(self) -> list[int]:
        return self.own.all()

    def close_store(self) -> None:
        """Before the state file is replaced under our feet; ``reopen`` follows."""
        for backend in (self.eyes.backend, self.watch.backend):
            backend._tree.store.close()

    def reopen(self) -> None:
        """After the state file was replaced under our feet."""
        self.eyes.reopen()
        self.watch.reopen()

    def start_service(self) -> None:
        self.user.insist(self.door.start_service)

    def until(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        seconds: float = PATIENCE,
        nurse: bool = True,
    ) -> None:
        """Wait, and keep the task going meanwhile."""
        self.user.until(condition, what, seconds=seconds, tend=self.user.nurse if nurse else None)

    def is_now(self, number: int, moment: Callable[[Json], bool]) -> bool:
        return moment(self.database(number))

    def reach(
        self,
        number: int,
        moment: Callable[[Json], bool],
        what: str,
        *,
        seconds: float = PATIENCE,
    ) -> None:
        """Wait until a database is that far, and keep the task going meanwhile."""
        self.until(partial(self.is_now, number, moment), what, seconds=seconds)

    # -- the course of a seed --------------------------------------------------------------

    def run(self) -> Result:
        started = time.monotonic()
        try:
            self._begin()
            for strike in self.plan.strikes:
                striking.strike(self, strike)
            _END[self.plan.ending](self)
            judge(self)
        except Exception as error:  # noqa: BLE001 - any failure is the seed's result
            self.result.problems.append(f"{type(error).__name__}: {error}")
        finally:
            keeping.end(self)
            self.result.seconds = time.monotonic() - started
        return self.result

    def _begin(self) -> None:
        for line in self.lines:
            line.start()
        task_input = TaskInput(
            _connection(self.source_proxy, self.pair.source),
            _connection(self.target_proxy, self.pair.target),
            tuple(
                DatabaseInput(
                    line.source.name,
                    line.target.name,
                    migration_setting=self.plan.settings,
                    source_setting=self.plan.source_settings,
                )
                for line in self.lines
            ),
        )
        self.door.create(task_input)
        self.task_id = self.show()["taskId"]
        self.own = Own(self.directory, self.task_id)
        self.observer = Observer(self.own, TASK, len(self.lines))
        for line, track in zip(self.lines, self.observer.tracks, strict=True):
            track.is_ready = partial(untrue_ready, self, line)
        self.user.watch = self.observer
        self.observer.start()

    def prepare_cutover(self) -> None:
        if self.asked:
            return
        for number in range(len(self.lines)):
            self.reach(number, moments.is_loaded, "the end of the load")
        self.quiet()
        if not self.plan.backlog:
            for number in range(len(self.lines)):
                self.reach(number, moments.is_ready, "READY_TO_COMPLETE")

    def ask_cutover(self) -> None:
        """Of all databases, or of the first where each has its turn."""
        if not self.asked:
            self.asked = True
            first = self.lines[0].source.name if self.plan.one_by_one else None
            self.user.insist(lambda: self.door.cutover(first))

    def ask_cancel(self) -> None:
        self.watch.cancelling = True
        self.user.insist(self.door.cancel)

    def quiet(self) -> None:
        """Stop all who write to the sources, once they have done what they were to do."""
        self.user.follow()
        for line in self.lines:
            line.quiet()


def _connection(proxy: Proxy, server: Server) -> Connection:
    return Connection(
        server=proxy.host,
        port=proxy.port,
        user=server.superuser,
        password=Secret(server.password),
    )
