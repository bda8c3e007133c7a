"""Whole migrations by real worker processes, ended with the test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.migrate import Login, Mover


@pytest.fixture
def mover(tmp_path: Path) -> Iterator[Mover]:
    """Tasks in a state directory of the test's own."""
    made = Mover(tmp_path / "dms-pg")
    yield made
    made.close()


@pytest.fixture
def replicator(source: Database) -> Iterator[Login]:
    """REPLICATION and SELECT on the source, nothing else: others' sessions are NULLs to it."""
    login = Login(f"role_{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    source.run(
        f"CREATE ROLE {login.user} LOGIN REPLICATION PASSWORD '{login.password}';"
        f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {login.user};"
        f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO {login.user}"
    )
    yield login
    source.run(f"DROP OWNED BY {login.user}; DROP ROLE {login.user}")
