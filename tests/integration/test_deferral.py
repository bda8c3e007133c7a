"""What is taken away for the load comes back exactly as it was, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from azext_dms_pg.engine.deferral import (
    defer,
    restore_constraints,
    restore_everything,
    restore_indexes,
)
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.postgres import checkpoint
from tests.fix_postgres import MakeDatabase, Servers
from tests.support import awkward
from tests.support.definitions import catalogue, differences
from tests.support.databases import Database
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


@pytest.mark.parametrize("replica_role", [True, False])
def test_everything_comes_back(target: Database, replica_role: bool) -> None:
    before = catalogue(target)
    plan = replace(large(planned(target, target)), replica_role=replica_role)
    with session(target) as opened:
        defer(opened, plan, "m", SETTINGS)
        away = catalogue(target)
        assert not [row for row in away["constraints"] if row[2] == "f"]
        firing = {"A", "R"} if replica_role else {"A", "O"}
        assert not [row for row in away["triggers"] if row[2] in firing]
        assert len(away["indexes"]) < len(before["indexes"]) - 5
        assert kinds_away(target) >= {"foreign_key", "trigger", "index", "constraint"}
        where = connection_to(target)
        restore_indexes(opened, where, "m", SETTINGS)
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
