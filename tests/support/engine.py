"""Surveys and plans of test databases, as the conductor makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from azext_dms_pg.engine.planning.plan import make_plan
from azext_dms_pg.engine.values import Plan
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.settings import MigrationSettings
from azext_dms_pg.model.task_input import DatabaseInput
from azext_dms_pg.postgres.catalog import survey
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.survey import Survey
from tests.support.databases import Database


@dataclass(frozen=True)
class Login:
    """A role other than the superuser."""

    user: str
    password: str


def connection_to(database: Database, login: Login | None = None) -> Connection:
    server = database.server
    return Connection(
        server=server.host,
        port=server.port,
        user=login.user if login else server.superuser,
        password=Secret(login.password if login else server.password),
        database=database.name,
        encrypt=False,
    )


def session(database: Database, login: Login | None = None) -> psycopg.Connection[Any]:
    return connect(connection_to(database, login), "target", "test")


def surveyed(database: Database, *, contents: bool = False, login: Login | None = None) -> Survey:
    with session(database, login) as opened:
        return survey(opened, contents=contents)


def planned(source: Database, target: Database, *tables: str, **settings: Any) -> Plan:
    return make_plan(
        surveyed(source),
        surveyed(target),
        DatabaseInput(source.name, target.name, tables or None),
        MigrationSettings(**settings),
    )
