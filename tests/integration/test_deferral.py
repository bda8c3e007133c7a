"""What is taken away for the load comes back exactly as it was, whatever happens in between."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from random import Random
from types import ModuleType
from typing import Any

import psycopg
import pytest

from azext_dms_pg.engine.deferral import (
    defer,
    ledger,
    restore_constraints,
    restore_everything,
    restore_indexes,
)
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.errors import ServerError
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.postgres import checkpoint
from tests.fix_postgres import MakeDatabase, Servers
from tests.support import awkward
from tests.support.databases import Database
from tests.support.definitions import catalogue, differences
from tests.support.engine import connection_to, planned, session

SETTINGS = MigrationSettings()


@pytest.fixture(params=[10, 12, 15, 18])
def target(
    request: pytest.FixtureRequest, servers: Servers, make_database: MakeDatabase
) -> Database:
    server = servers.get(request.param)
    database = make_database(server, awkward.schema(request.param))
    with session(database) as opened:
        checkpoint.install(opened)
    return database


def large(plan: Plan) -> Plan:
    """As if every table were worth dropping its indexes for."""
    return replace(
        plan,
        routes=tuple(
            replace(route, source=replace(route.source, bytes=1 << 30)) for route in plan.routes
        ),
    )


def kinds_away(database: Database) -> set[str]:
    rows = database.run("SELECT DISTINCT kind FROM dms_pg.deferred WHERE state = 'dropped'")
    return {kind for (kind,) in rows}


def _unchecked(found: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    return [row for row in found["constraints"] if row[2] in "cn" and not row[4]]


@pytest.mark.parametrize("replica_role", [True, False])
def test_everything_comes_back(target: Database, replica_role: bool) -> None:
    before = catalogue(target)
    plan = replace(large(planned(target, target)), replica_role=replica_role)
    with session(target) as opened:
        defer(opened, plan, "m", SETTINGS)
        away = catalogue(target)
        assert not [row for row in away["constraints"] if row[2] == "f"]
        # Left: one that is not enforced, and what a child has checked by itself.
        assert {row[1] for row in _unchecked(away)} <= {"never", "passed"}
        firing = {"A", "R"} if replica_role else {"A", "O"}
        assert not [row for row in away["triggers"] if row[2] in firing]
        assert len(away["indexes"]) < len(before["indexes"]) - 5
        assert kinds_away(target) >= {"foreign_key", "trigger", "index", "constraint"}
        where = connection_to(target)
        restore_indexes(opened, where, "m", SETTINGS)
        assert _unchecked(catalogue(target)) == _unchecked(before)
        assert restore_constraints(opened, where, "m", SETTINGS) == ()
        assert differences(before, target) == []
        # A finished step run again changes nothing.
        restore_indexes(opened, where, "m", SETTINGS)
        assert restore_constraints(opened, where, "m", SETTINGS) == ()
        assert differences(before, target) == []


def test_defer_again_after_a_half_restored_load(target: Database) -> None:
    before = catalogue(target)
    plan = large(planned(target, target))
    where = connection_to(target)
    with session(target) as opened:
        defer(opened, plan, "m", SETTINGS)
        defer(opened, plan, "m", SETTINGS)
        restore_indexes(opened, where, "m", SETTINGS)
        defer(opened, plan, "m", SETTINGS)
        assert "index" in kinds_away(target)
        restore_everything(opened, where, "m", SETTINGS)
    assert differences(before, target) == []


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_anywhere_loses_no_definition(
    servers: Servers, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Dies at a random object, again and again, until everything went away and came back."""
    random = Random(seed)
    target = make_database(servers.get(18), awkward.schema(18))
    with session(target) as opened:
        checkpoint.install(opened)
    before = catalogue(target)
    plan = large(planned(target, target))
    where = connection_to(target)
    monkeypatch.setattr(module_of(defer), "_BATCH", 1)
    monkeypatch.setattr(module_of(restore_indexes), "_BATCH", 2)
    left = 0

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Crash
            result = function(*arguments)
            if left == 0:
                raise Crash
            return result

        return call

    for name in ("record", "mark"):
        monkeypatch.setattr(ledger, name, dying(getattr(ledger, name)))

    def until_done(step: Callable[[psycopg.Connection[Any]], object]) -> None:
        nonlocal left
        for _ in range(100):
            left = random.randrange(1, 12)
            try:
                with session(target) as opened:
                    step(opened)
            except Crash:
                continue
            return
        pytest.fail("never done")

    for _ in range(2):
        until_done(lambda opened: defer(opened, plan, "m", SETTINGS))
        assert not [row for row in catalogue(target)["constraints"] if row[2] == "f"]
        until_done(lambda opened: restore_indexes(opened, where, "m", SETTINGS))
    until_done(lambda opened: restore_constraints(opened, where, "m", SETTINGS))
    assert differences(before, target) == []


def test_a_violated_key_is_a_finding(target: Database) -> None:
    plan = planned(target, target)
    where = connection_to(target)
    with session(target) as opened:
        defer(opened, plan, "m", SETTINGS)
        target.run("INSERT INTO child (id, p1) VALUES (1, 99)")
        found = restore_constraints(opened, where, "m", SETTINGS)
        assert [(one.code, one.subject) for one in found] == [
            ("ForeignKeyViolated", "public.child.child_p1_fkey")
        ]
        # Everything else is back, and the key as NOT VALID.
        keys = [row for row in catalogue(target)["constraints"] if row[2] == "f"]
        assert [row[1] for row in keys if not row[4]].count("child_p1_fkey") == 1
        target.run("INSERT INTO parent (id) VALUES (99)")
        target.run(found[0].remedy)
        assert restore_constraints(opened, where, "m", SETTINGS) == ()


def test_what_the_user_changed_meanwhile(servers: Servers, make_database: MakeDatabase) -> None:
    target = make_database(servers.get(18), awkward.schema(18))
    with session(target) as opened:
        checkpoint.install(opened)
        plan = planned(target, target)
        defer(opened, plan, "m", SETTINGS)
        target.run(
            "DROP TABLE pair; ALTER TABLE a DROP COLUMN b; DROP TRIGGER late ON child;"
            "ALTER TABLE self ADD CONSTRAINT self_up_fkey FOREIGN KEY (up) REFERENCES self"
        )
        found = restore_constraints(opened, connection_to(target), "m", SETTINGS)
    assert {one.code for one in found} == {"NotRestored"}
    assert {one.subject for one in found} == {
        "public.pair.pair_x_y_fkey",
        "public.a.a_b",
    }


def test_somebody_who_keeps_a_table_locked(
    target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_of(defer), "_LOCK_TIMEOUT", "100ms")
    plan = planned(target, target)
    with target.connect(autocommit=False) as other, session(target) as opened:
        other.execute("LOCK TABLE child IN ACCESS SHARE MODE")
        with pytest.raises(ServerError) as raised:
            defer(opened, plan, "m", SETTINGS)
        assert raised.value.retryable
        other.rollback()
        defer(opened, plan, "m", SETTINGS)


def test_stops_between_indexes(target: Database) -> None:
    with session(target) as opened:
        defer(opened, large(planned(target, target)), "m", SETTINGS)
        restore_indexes(opened, connection_to(target), "m", SETTINGS, stopping=lambda: True)
        assert "index" in kinds_away(target)


def module_of(function: Callable[..., object]) -> ModuleType:
    return sys.modules[function.__module__]
