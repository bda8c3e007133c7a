"""One seed from its plan to the oracle's word.

Owns: the order of things (start, strike, mend, end, judge) and keeping the task going as a user
would: ``restart`` after a dead worker, ``start`` after a reboot. ``faults`` does the damage.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from azext_dms_pg.errors import ConflictError, DmsPgError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput
from tests.support import oracle, processes
from tests.support.azcli import Az
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.writers import Writers
from tests.torture import catalog, faults
from tests.torture.door import TASK, Direct, Door, Typed
from tests.torture.lab import Disk, Lab
from tests.torture.observer import Observer
from tests.torture.plan import Plan, Strike
from tests.torture.stirrer import Stirrer
from tests.torture.verdict import judge, untrue_ready

Json = dict[str, Any]

# Seconds for anything to happen before it is said to be stuck: other work shares the machine.
PATIENCE = 180.0
_MOMENT_PATIENCE = 25.0
_POLL = 0.03
_BEFORE_LOAD = {"UNDEFINED", "VALIDATING", "VALIDATION_COMPLETE", "INITIALIAZING"}


class Stuck(AssertionError):  # noqa: N818 - what pytest prints
    """It did not go on, or ended in a way it must not."""


@dataclass
class Result:
    """What became of a seed."""

    plan: Plan
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    commits: int = 0
    polls: int = 0
    restarts: int = 0
    kept: Path | None = None


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
        self.source, self.target = lab.databases(
            self.pair, plan.mix, small_disk="target disk full" in struck
        )
        if "freeze beyond wal_sender_timeout" in struck:
            self.source.run(f"ALTER DATABASE {self.source.name} SET wal_sender_timeout = '1s'")
        self.source_proxy = Proxy(Server.host, self.pair.source.port)
        self.target_proxy = Proxy(Server.host, self.pair.target.port)
        self.before = oracle.snapshot(self.target)
        self.source_before = oracle.snapshot(self.source)
        # Looking is done often, so always by the short way; orders go through the door.
        self.eyes = Direct(directory)
        self.door: Door = self.eyes if az is None else Typed(az)
        self.writers = Writers(
            self.source, count=plan.writers, seed=plan.seed, pause=0.02, big=12_000
        )
        self.stirrer = Stirrer(self.source, plan.mix, plan.seed, 0.06)
        self.result = Result(plan)
        self.observer: Observer | None = None
        self._holder: psycopg.Connection[Any] | None = None
        self._undo: list[Callable[[], object]] = []
        self._writing = False
        self._asked = False
        self.task_id = ""

    # -- what faults use -------------------------------------------------------------------

    @property
    def watch(self) -> Observer:
        assert self.observer is not None
        return self.observer

    def show(self) -> Json:
        return self.eyes.show()

    def database(self, shown: Json | None = None) -> Json:
        output = (shown or self.show())["output"]
        found: Json = next(i for i in output if i["resultType"] == "DatabaseLevelOutput")
        return found

    def pid(self, who: str) -> int | None:
        """Process id of the ``supervisor`` or the ``worker`` if it lives."""
        return self.watch.holder({"supervisor": "", "worker": ".0"}[who])

    def kill(self, who: str) -> bool:
        pid = self.pid(who)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return True

    def kill_all(self) -> bool:
        """SIGKILL every process that names our state directory, as a power cut does."""
        found = self.processes()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.until(lambda: not self.processes(), "the processes' end", nurse=False)
        return bool(found)

    def processes(self) -> list[int]:
        needle = str(self.directory)
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and needle in processes.command_line(int(entry.name))
            and processes.alive(int(entry.name))
        ]

    def close_store(self) -> None:
        """Before the state file is replaced under our feet; ``reopen`` follows."""
        for backend in (self.eyes.backend, self.watch.backend):
            backend._tree.store.close()

    def reopen(self) -> None:
        """After the state file was replaced under our feet."""
        self.eyes.reopen()
        self.watch.reopen()

    def start_service(self) -> None:
        self._insist(self.door.start_service)

    def later(self, undo: Callable[[], object]) -> None:
        """Have ``undo`` done at the end of the seed if the fault itself cannot."""
        self._undo.append(undo)

    # -- going on as a user would ----------------------------------------------------------

    def nurse(self) -> Json:
        """Look, and do what ``show`` tells one to do."""
        shown = self.show()
        state = shown["state"]
        if state == "Faulted":
            self.result.restarts += 1
            self._restart()
        elif state in {"Failed", "FailedInputValidation"}:
            if not self.watch.may_fail or self.plan.ending == "failed":
                raise Stuck(f"{state}: {[error['message'] for error in shown['errors']]}")
            self.result.restarts += 1
            self._restart()
        return shown

    def _restart(self) -> None:
        if self.random.random() < 0.5:
            # `az dms start` leaves a task that has failed alone; `restart` does not.
            self._insist(self.door.start_service)
        self._insist(self.door.restart)

    def _insist(self, ask: Callable[[], object]) -> None:
        """A command may be refused for a moment (a dying worker still holds on); then it works."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                ask()
            except DmsPgError as error:
                ended = isinstance(error, ConflictError) and error.code == "TaskEnded"
                if ended:
                    return
                if time.monotonic() > deadline:
                    raise
                if error.code == "WorkerNotRunning":
                    self.nurse()
                time.sleep(0.2)
            else:
                return

    def until(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        seconds: float = PATIENCE,
        nurse: bool = True,
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if nurse:
                self.nurse()
            if time.monotonic() > deadline:
                raise Stuck(f"{what}: not within {seconds:.0f} s")
            time.sleep(_POLL)

    # -- the course of a seed --------------------------------------------------------------

    def run(self) -> Result:
        started = time.monotonic()
        try:
            self._begin()
            for strike in self.plan.strikes:
                self._strike(strike)
            {"cutover": self._cut_over, "cancel": self._cancel, "failed": self._fail}[
                self.plan.ending
            ]()
            judge(self)
        except Exception as error:  # noqa: BLE001 - any failure is the seed's result
            self.result.problems.append(f"{type(error).__name__}: {error}")
        finally:
            self._end()
            self.result.seconds = time.monotonic() - started
        return self.result

    def _begin(self) -> None:
        self.writers.start()
        self.stirrer.start()
        self._writing = True
        database = DatabaseInput(
            self.source.name,
            self.target.name,
            migration_setting=self.plan.settings,
            source_setting=self.plan.source_settings,
        )
        task_input = TaskInput(
            _connection(self.source_proxy, self.pair.source),
            _connection(self.target_proxy, self.pair.target),
            (database,),
        )
        self.door.create(task_input)
        self.task_id = self.show()["taskId"]
        self.observer = Observer(self.directory, TASK, self.task_id)
        self.observer.is_ready = lambda: untrue_ready(self)
        self.observer.start()

    def _strike(self, strike: Strike) -> None:
        watch = self.watch
        if strike.moment == "cutover":
            self._prepare_cutover()
        if strike.hold:
            self._hold()
        if strike.moment == "validating":
            watch.may_fail = True
        self._await(strike.moment)
        time.sleep(strike.delay)
        watch.struck = True
        if catalog.FAULTS[strike.fault].terminal:
            watch.may_fail = True
        try:
            hit = faults.DO[strike.fault](self)
        finally:
            self._let_go()
        (self.result.survived if hit else self.result.missed).append(
            f"{strike.fault} @ {strike.moment}"
        )
        if strike.moment == "validating":
            # Attempts before anything was created are few; the user starts it again.
            self.until(lambda: not self._validating(), "validation")
            watch.may_fail = False

    def _validating(self) -> bool:
        state = self.database()["migrationState"]
        return state in {"UNDEFINED", "VALIDATING", "FAILED", "VALIDATION_FAILED"}

    def _await(self, moment: str) -> None:
        """Wait until the moment has come, or has passed already."""
        if moment == "validating":
            return
        if moment == "cutover":
            if self._asked:
                return
            self._asked = True
            self._insist(self.door.cutover)
            return
        if moment == "cancelling":
            self.watch.cancelling = True
            self._insist(self.door.cancel)
            return
        seen: dict[str, Callable[[Json], bool]] = {
            "preparing": lambda d: d["migrationState"] == "INITIALIAZING" or _loading(d),
            "loading": _loading,
            "building": lambda d: d["activity"].startswith("building") or _loaded(d),
            "streaming": _loaded,
            "ready": lambda d: d["migrationState"] == "READY_TO_COMPLETE",
        }
        reached = seen[moment]
        with contextlib.suppress(Stuck):
            self.until(lambda: reached(self.database()), moment, seconds=_MOMENT_PATIENCE)
            return
        # A lock of ours may stand in the way of the very moment; or the machine has not the
        # power to keep up with writers at full speed and a batch of twenty changes.
        self._let_go()
        if moment == "ready":
            self._quiet()
        self.until(lambda: reached(self.database()), moment)

    def _prepare_cutover(self) -> None:
        if self._asked:
            return
        self.until(lambda: _loaded(self.database()), "the end of the load")
        if not self.plan.backlog:
            self._quiet()
            self.until(
                lambda: self.database()["migrationState"] == "READY_TO_COMPLETE",
                "READY_TO_COMPLETE",
            )
        else:
            self._quiet()

    def _quiet(self) -> None:
        """Stop all who write to the source."""
        if self._writing:
            self._writing = False
            self.stirrer.stop()
            self.writers.stop()

    def _cut_over(self) -> None:
        if not any(strike.moment == "cutover" for strike in self.plan.strikes):
            self._prepare_cutover()
            self._await("cutover")
        self.until(lambda: self.show()["state"] == "Succeeded", "the cutover's end")

    def _cancel(self) -> None:
        if not any(strike.moment == "cancelling" for strike in self.plan.strikes):
            self._await("cancelling")
        self.until(lambda: self.show()["state"] == "Canceled", "the cancel's end")
        self._quiet()

    def _fail(self) -> None:
        """The slot is gone: it must say so, stay so, and still clean up after itself."""
        self.until(
            lambda: self.show()["state"] == "Failed", "FAILED after the slot was lost", nurse=False
        )
        words = " ".join(error["message"] for error in self.show()["errors"])
        if "slot" not in words.lower():
            raise Stuck(f"FAILED does not speak of the slot: {words!r}")
        self._insist(self.door.restart)
        time.sleep(0.5)
        self.until(
            lambda: self.show()["state"] == "Failed", "FAILED again after restart", nurse=False
        )
        self.watch.cancelling = True
        self._insist(self.door.cancel)
        self.until(lambda: self.show()["state"] == "Canceled", "the cancel's end")
        self._quiet()

    # -- holding a moment ------------------------------------------------------------------

    def _hold(self) -> None:
        """Keep indexes, constraints and triggers from coming back for now."""
        if self._holder is not None:
            return
        with contextlib.suppress(Stuck):
            self.until(lambda: _loading(self.database()), "loading", seconds=_MOMENT_PATIENCE)
        self._holder = self.target.connect(autocommit=False, application_name="torture hold")
        for table in oracle.tables(self._holder):
            self._holder.execute(
                psycopg.sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(
                    psycopg.sql.Identifier(table.schema, table.name)
                )
            )

    def _let_go(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    # -- tidying ---------------------------------------------------------------------------

    def _end(self) -> None:
        result = self.result
        self._let_go()
        for undo in reversed(self._undo):
            with contextlib.suppress(Exception):
                undo()
        try:
            self._quiet()
        except BaseException as error:  # noqa: BLE001 - a writer's failure is the seed's
            result.problems.append(f"writers: {error!r}")
        if self.observer is not None:
            self.observer.stop()
            result.problems += [f"lie: {lie}" for lie in self.observer.lies]
            result.polls = self.observer.polls
        result.commits = self.writers.commits
        if result.problems:
            result.kept = self._keep()
        with contextlib.suppress(Stuck):
            self.kill_all()
        for proxy in (self.source_proxy, self.target_proxy):
            proxy.close()
        self.lab.drop(self.source, self.target)
        if self.state_disk is not None:
            self.state_disk.unmount()
        shutil.rmtree(self.home, ignore_errors=True)

    def _keep(self) -> Path:
        """Everything that helps to understand a failure, in a directory that stays."""
        kept = self.lab.scratch.with_name(f"{self.lab.scratch.name}-seed-{self.plan.seed}")
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        states = self.observer.states if self.observer else []
        story = [str(self.plan), *self.result.problems, "", "seen: " + " ".join(states)]
        with contextlib.suppress(Exception):
            story.append(repr(self.show()))
        (kept / "story.txt").write_text("\n".join(story) + "\n")
        for log in (self.directory / "log").iterdir():
            shutil.copy(log, kept)
        for server, name in ((self.pair.source, "source"), (self.pair.target, "target")):
            (kept / f"{name}.log").write_text(server.log_tail(20_000))
        return kept


def _loading(database: Json) -> bool:
    return database["migrationState"] not in _BEFORE_LOAD


def _loaded(database: Json) -> bool:
    return bool(database["initializationCompleted"])


def _connection(proxy: Proxy, server: Server) -> Connection:
    return Connection(
        server=proxy.host,
        port=proxy.port,
        user=server.superuser,
        password=Secret(server.password),
    )
