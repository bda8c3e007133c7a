"""The two servers, the shop, the private az: everything the story is played on.

Owns: setting up and clearing away, whatever ends the story. Nothing of the visitor's own az
configuration is read or written.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scenarios.demo.shop import Shop
from tests.support import processes
from tests.support.databases import Database
from tests.support.servers import Server, Unavailable, client_program

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE_VERSIONS = (17, 16, 15, 18)  # the best to be had: 17 if its wheel is for this system
TARGET_VERSION = 18


@dataclass(frozen=True)
class Stage:
    """What the story finds when the curtain rises."""

    directory: Path
    source: Database
    target: Database
    newsletter: Database
    shop: Shop
    environment: dict[str, str]


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """A private directory; whatever still works for it is ended before it goes."""
    path = Path(tempfile.mkdtemp(prefix="dms-pg-demo-"))
    try:
        yield path
    finally:
        processes.end_all_naming(path)
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def servers() -> Iterator[tuple[Server, Server]]:
    """Source and target, empty."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_newest_source())
        target = stack.enter_context(Server.start(TARGET_VERSION))
        yield source, target


@contextlib.contextmanager
def set_up(path: Path, source: Server, target: Server) -> Iterator[Stage]:
    """Fill the source and open the shop."""
    database = Database(source, source.create_database("dvdrental"))
    database.run((HERE / "sample.sql").read_text())
    newsletter = Database(source, source.create_database("newsletter"))
    newsletter.run(
        "CREATE TABLE subscriber (id int PRIMARY KEY, email text);"
        "INSERT INTO subscriber SELECT i, i || '@example.org' FROM generate_series(1, 1000) i"
    )
    shop = Shop(database)
    stage = Stage(
        path,
        database,
        Database(target, "dvdrental"),
        newsletter,
        shop,
        _environment(path, source, target),
    )
    shop.open()
    try:
        yield stage
    finally:
        with contextlib.suppress(Exception):  # the story has closed it, or has failed already
            shop.close()


def _newest_source() -> Server:
    for version in SOURCE_VERSIONS:
        with contextlib.suppress(Unavailable):
            return Server.start(version)
    raise Unavailable("no PostgreSQL server could be had")


def _environment(path: Path, source: Server, target: Server) -> dict[str, str]:
    """az of our own virtual environment, its settings in our directory, passwords unseen."""
    programs = [Path(sys.executable).parent, Path(client_program("pg_dump")).parent]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZURE_", "AZEXT_", "PG", "PYTHON", "VIRTUAL_ENV"))
    }
    return {
        **kept,
        "PATH": os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)]),
        "AZURE_CONFIG_DIR": str(path / "azure"),
        "AZURE_EXTENSION_DIR": str(path / "extensions"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_NO_COLOR": "yes",
        "PGPASSFILE": str(_password_file(path, source, target)),
        "AZEXT_DMS_PG_SOURCE_PASSWORD": source.password,
        "AZEXT_DMS_PG_TARGET_PASSWORD": target.password,
    }


def _password_file(path: Path, *servers: Server) -> Path:
    """For pg_dump and psql, which the visitor would give the password by hand."""
    file = path / "pgpass"
    file.touch(mode=0o600)
    file.write_text(
        "".join(f"{each.host}:{each.port}:*:{each.superuser}:{each.password}\n" for each in servers)
    )
    return file
