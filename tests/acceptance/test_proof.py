"""From validation to proof, every step typed: validate, create, watch, compare, report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import oracle
from tests.support.azcli import Az
from tests.support.databases import Database

pytestmark = pytest.mark.acceptance

SERVICE = ("-g", "PostgresDemo", "--service-name", "PostgresCLI")
TASK = (*SERVICE, "--project-name", "PGMigration", "-n", "runnowtask")
SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE artist (id serial PRIMARY KEY, name text NOT NULL, mood mood DEFAULT 'happy');
CREATE TABLE song (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, artist int REFERENCES artist, title text);
CREATE TABLE plays (at timestamptz, song bigint);
INSERT INTO artist (name) SELECT 'artist ' || n FROM generate_series(1, 100) n;
INSERT INTO song (artist, title) SELECT n % 100 + 1, 'song ' || n FROM generate_series(1, 3000) n;
"""


@pytest.fixture
def project(az: Az) -> Az:
    az.check("dms", "create", "-l", "local", "-g", "PostgresDemo", "-n", "PostgresCLI")
    az.check(
        "dms", "project", "create", *SERVICE, "-n", "PGMigration",
        "--source-platform", "PostgreSQL", "--target-platform", "AzureDbForPostgreSql",
    )  # fmt: skip
    return az


def _passwords(source: Database, target: Database) -> dict[str, str]:
    return {
        "AZEXT_DMS_PG_SOURCE_PASSWORD": source.server.password,
        "AZEXT_DMS_PG_TARGET_PASSWORD": target.server.password,
    }


def _create(source: Database, target: Database, *more: str) -> tuple[str, ...]:
    return (
        "dms", "project", "task", "create", *TASK,
        "--source-server", source.server.host, "--source-port", str(source.server.port),
        "--source-user", source.server.superuser,
        "--target-server", target.server.host, "--target-port", str(target.server.port),
        "--target-user", target.server.superuser,
        "--databases", f"{source.name}={target.name}", *more,
    )  # fmt: skip


def test_from_validation_to_proof(  # noqa: PLR0915 - one story
    project: Az, source: Database, target: Database, tmp_path: Path
) -> None:
    az = project
    secrets = _passwords(source, target)
    source.run(SCHEMA)

    # Only validated: what stands in the way is said, and nothing is created anywhere.
    refused = az.run(*_create(source, target, "--validate-only", "--migrate-schema"), **secrets)
    assert refused.code == 1
    assert "BLOCKER  public.plays  [NoReplicaIdentity]" in refused.err
    assert "→ ALTER TABLE public.plays REPLICA IDENTITY FULL;" in refused.err
    assert "findings stand in the way" in refused.err
    assert refused.json["properties"]["state"] == "FailedInputValidation"
    assert oracle.source_leftovers(source) == []
    assert target.run("SELECT 1 FROM pg_class WHERE relname = 'artist'") == []

    # As the finding says; then the same name once more, this time for good.
    source.run("ALTER TABLE public.plays REPLICA IDENTITY FULL")
    validated = az.run(*_create(source, target, "--validate-only", "--migrate-schema"), **secrets)
    assert validated.code == 0, validated.err
    assert validated.json["properties"]["state"] == "Succeeded"
    created = az.run(
        *_create(source, target, "--migrate-schema", "--wait-until", "ready"), **secrets
    )
    assert created.code == 0, created.err
    assert "READY_TO_COMPLETE" in created.err
    assert "az dms project task cutover" in created.err
    assert created.json["properties"]["output"][0]["migrationState"] == "READY_TO_COMPLETE"

    # At work: compared at one moment, watched, made read-only, cut over.
    source.run("UPDATE song SET title = title || '!' WHERE id % 3 = 0")
    source.run("INSERT INTO plays SELECT now(), n FROM generate_series(1, 50) n")
    compared = az.run("dms", "project", "task", "compare", *TASK)
    assert compared.code == 0, compared.err
    assert {row["moment"] for row in compared.json} == {"agreed"}
    assert len(compared.json) == 3
    az.check("dms", "project", "task", "cutover", *TASK, "--make-source-read-only")
    watched = az.run("dms", "project", "task", "watch", *TASK, "--until", "complete")
    assert watched.code == 0, watched.err
    assert f"{source.name}: COMPLETE" in watched.out
    shown = az.check("dms", "project", "task", "show", *TASK, "--expand", "output")
    codes = [
        finding["code"]
        for item in shown["properties"]["output"]
        for finding in item.get("findings", ())
    ]
    assert "SourceMadeReadOnly" in codes

    # Afterwards: the passwords are no longer kept, and a difference fails the command.
    unasked = az.run("dms", "project", "task", "compare", *TASK)
    assert unasked.code == 1
    assert "AZEXT_DMS_PG_SOURCE_PASSWORD" in unasked.err
    equal = az.run("dms", "project", "task", "compare", *TASK, "-o", "table", **secrets)
    assert equal.code == 0, equal.err
    assert equal.out.count("equal") == 3
    target.run("DELETE FROM song WHERE id = 17")
    differs = az.run("dms", "project", "task", "compare", *TASK, **secrets)
    assert differs.code == 1
    assert "1 of 3 tables differ" in differs.err
    row = next(row for row in differs.json if not row["equal"])
    assert row["differingKeys"] == ["(17) missing"]

    # For the record.
    file = tmp_path / "report.html"
    assert az.check("dms", "project", "task", "report", *TASK, "--file", str(file))["verdict"] == (
        "differs"
    )
    text = file.read_text()
    for part in ("public.song", "(17) missing", "cutover", "SourceMadeReadOnly", "<svg"):
        assert part in text
    log = az.run("dms", "project", "task", "log", *TASK)
    for part in ("creating the schema on the target", "copying the tables", "Succeeded"):
        assert part in log.out
    for place in (text, log.out, *(path.read_text() for path in _files(az))):
        assert source.server.password not in place
        assert target.server.password not in place


def test_a_wait_for_what_fails_ends_with_an_error(
    project: Az, source: Database, target: Database
) -> None:
    source.run(SCHEMA)  # the target has no tables
    secrets = _passwords(source, target)
    done = project.run(*_create(source, target, "--wait-until", "ready"), **secrets)
    assert done.code == 1
    assert "FailedInputValidation" in done.err
    assert "artist" in done.err
    contradiction = project.run(*_create(source, target, "--wait-until", "ready", "--no-wait"))
    assert contradiction.code == 1
    assert "contradict" in contradiction.err


def _files(az: Az) -> list[Path]:
    log = az.config / "dms-pg" / "log"
    found = list(log.glob("*.log"))
    assert found
    for path in found:
        for line in path.read_text().splitlines():
            assert json.loads(line)["level"]
    return found
