"""Surveys and plans of test databases, as the conductor makes them."""

from __future__ import annotations

from typing import Any

import psycopg

from azext_dms_pg.engine.plan import make_plan
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.survey import Survey
from tests.support.databases import Database


def connection_to(database: Database, user: str = "", password: str = "") -> Connection:
    server = database.server
    return Connection(
        server=server.host,
        port=server.port,
        user=user or server.superuser,
        password=Secret(password or server.password),
        database=database.name,
        encrypt=False,
    )


def session(database: Database, user: str = "", password: str = "") -> psycopg.Connection[Any]:
    return connect(connection_to(database, user, password), "target", "test")


def surveyed(database: Database, *, contents: bool = False, **role: str) -> Survey:
    with session(database, **role) as opened:
        return survey(opened, contents=contents)


def planned(source: Database, target: Database, *tables: str, **settings: Any) -> Plan:
    return make_plan(
        surveyed(source),
        surveyed(target),
        DatabaseInput(source.name, target.name, tables or None),
        MigrationSettings(**settings),
    )
