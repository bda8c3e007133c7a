"""What libpq finds in the environment: what is stricter counts, what leads elsewhere does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from azext_dms_pg.backends.local.spawn import _environment
from azext_dms_pg.errors import ServerError
from azext_dms_pg.postgres.connect import connect
from azext_dms_pg.postgres.tools import _libpq_environment
from tests.support.databases import Database
from tests.support.engine import connection_to

STRICTER = {
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGSSLCRL": "/nowhere/crl",
    "PGSSLCRLDIR": "/nowhere",
    "PGSSLMINPROTOCOLVERSION": "TLSv1.3",
    "PGSSLMAXPROTOCOLVERSION": "TLSv1.3",
    "PGSSLCERT": "/nowhere/cert",
    "PGSSLKEY": "/nowhere/key",
    "PGSSLROOTCERT": "/nowhere/root",
}
ELSEWHERE = {
    "PGHOSTADDR": "192.0.2.1",
    "PGHOST": "192.0.2.1",
    "PGPORT": "1",
    "PGDATABASE": "elsewhere",
    "PGUSER": "somebody",
    "PGPASSWORD": "canary",
    "PGOPTIONS": "-c search_path=elsewhere",
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGSERVICE": "elsewhere",
}


@pytest.fixture
def misled(source: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is set once the database is there."""
    service = tmp_path / "services"
    service.write_text("[elsewhere]\nhostaddr=192.0.2.1\ntcp_user_timeout=1\n")
    for name, value in {**ELSEWHERE, "PGSERVICEFILE": str(service)}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("misled")
def test_nothing_leads_elsewhere(source: Database) -> None:
    with connect(connection_to(source), "source") as session:
        row = session.execute(
            "SELECT current_database(), current_setting('timezone'), current_setting('datestyle'),"
            " current_setting('search_path')"
        ).fetchone()
    assert row == (source.name, "UTC", "ISO, YMD", "pg_catalog")


@pytest.mark.usefixtures("misled")
def test_nor_a_child(source: Database, tmp_path: Path) -> None:
    assert {name for name in _environment() if name.startswith("PG")} <= {"PGPASSFILE"}
    with _libpq_environment(connection_to(source), tmp_path) as (environment, _):
        told = {name: environment.get(name) for name in (*ELSEWHERE, "PGSERVICEFILE")}
    assert told == {
        **dict.fromkeys((*ELSEWHERE, "PGSERVICEFILE")),
        "PGHOST": source.server.host,
        "PGPORT": str(source.server.port),
        "PGUSER": source.server.superuser,
        "PGDATABASE": source.name,
    }


def test_what_is_stricter_counts(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in STRICTER.items():
        monkeypatch.setenv(name, value)
    assert STRICTER.items() <= _environment().items()
    with _libpq_environment(connection_to(source), tmp_path) as (environment, _):
        assert STRICTER.items() <= environment.items()
    # No channel to bind to: there is no TLS.
    with pytest.raises(ServerError, match="channel binding") as caught:
        connect(connection_to(source), "source")
    assert caught.value.code == "SignInNotAllowed"
    assert STRICTER.items() <= os.environ.items()
