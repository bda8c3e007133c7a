"""The full load while servers kill sessions, networks fail and disks fill up.

Whatever happens, every row arrives once. Each test makes its fault in the middle of a COPY, which
``max_rate`` stretches to a second or two.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from azext_dms_pg.engine.load import copying, lane, parts
from azext_dms_pg.errors import MigrationError
from azext_dms_pg.postgres import liveness
from tests.fix_postgres import MakeDatabase, Servers
from tests.fix_proxy import MakeProxy
from tests.support.databases import Database, copy_schema, create
from tests.support.loading import Loading, differences, reach
from tests.support.servers import Server

ROWS = 15_000  # about 2 MB, so that several ranges and batches are under way
DATA = f"""
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT i, md5(i::text) || md5((i * 7)::text) FROM generate_series(1, {ROWS}) i;
CREATE TABLE keyless (v text);
INSERT INTO keyless SELECT md5((i % 50)::text) FROM generate_series(1, {ROWS}) i;
"""
RATE = 1_500_000
BIG = "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 15) AS v FROM generate_series(1, 50000) i"
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'dms-pg copy' AND datname = current_database()"
)
KILL_MID_COPY = KILL + " AND state = 'active' AND query LIKE 'COPY%' AND wait_event LIKE 'Client%'"


@pytest.fixture(autouse=True)
def fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of a few hundred kilobytes, and little patience."""
    monkeypatch.setattr(parts, "_SMALL", 1 << 14)
    monkeypatch.setattr(parts, "_LEAST_RANGE", 1 << 19)
    monkeypatch.setattr(liveness, "PATIENCE", 0.5)
    monkeypatch.setattr(copying, "_DISK_PAUSE", 0.3)


@pytest.fixture(params=["spliced", "libpq"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "libpq":
        monkeypatch.setattr(lane, "open_channel", lambda _: None)
    return str(request.param)


@pytest.fixture
def filled(source: Database, target: Database) -> tuple[Database, Database]:
    source.run(DATA)
    copy_schema(source, target)
    return source, target


def slow(**more: Any) -> dict[str, Any]:
    return {"part_bytes": 1 << 19, "max_rate": RATE, "parallel_tables": 2, **more}


def some_parts(loading: Loading) -> Callable[[], bool]:
    return lambda: len(loading.parts()) >= 1


@pytest.mark.parametrize("side", ["source", "target"])
def test_killed_sessions(
    filled: tuple[Database, Database], tmp_path: Path, way: str, side: str
) -> None:
    """pg_terminate_backend again and again, wherever a session stands."""
    source, target = filled
    victim = source if side == "source" else target
    with Loading(source, target, tmp_path, **slow()) as loading:
        loading.start()
        killed = 0
        while loading.running and killed < 6:
            killed += len(victim.run(KILL))
            time.sleep(0.15)
        loading.finish()
    assert killed >= 3
    assert differences(source, target) == []


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_session_killed_amid_its_rows(
    source: Database,
    target: Database,
    tmp_path: Path,
    way: str,
    side: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its last words, FATAL 57P01, come between rows, or the socket just closes."""
    monkeypatch.setattr(parts, "_LEAST_RANGE", 1 << 30)
    source.run(BIG)
    copy_schema(source, target)
    victim = source if side == "source" else target
    with Loading(source, target, tmp_path, max_rate=10_000_000) as loading:
        loading.start()
        loading.until(lambda: bool(victim.run(KILL_MID_COPY)), "a session amid its rows")
        loading.finish()
    assert differences(source, target) == []


@pytest.mark.parametrize("fault", ["kill source", "kill target", "cut source", "reset target"])
def test_encrypted_sessions_lost_amid_their_rows(
    servers: Servers,
    make_database: MakeDatabase,
    make_proxy: MakeProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """The splice on top of TLS: an alert, a closed session, a reset."""
    monkeypatch.setattr(parts, "_LEAST_RANGE", 1 << 30)
    source = make_database(servers.get(17, tls=True, role="source"), BIG)
    target = make_database(servers.get(17, tls=True, role="target"))
    copy_schema(source, target)
    how, side = fault.split()
    proxies = {"source": make_proxy(source.server), "target": make_proxy(target.server)}
    at_source = reach(source, proxies["source"], encrypt=True)
    at_target = reach(target, proxies["target"], encrypt=True)
    with Loading(
        source, target, tmp_path, at_source=at_source, at_target=at_target, max_rate=10_000_000
    ) as loading:
        loading.start()
        loading.until(lambda: any(p.bytes > 0 for p in loading.reports), "rows under way")
        if how == "kill":
            (source if side == "source" else target).run(KILL)
        else:
            proxies[side].cut(reset=how == "reset")
        loading.finish()
    assert differences(source, target) == []


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("fault", ["cut", "reset", "gone"])
def test_a_cut_network(
    filled: tuple[Database, Database],
    tmp_path: Path,
    make_proxy: MakeProxy,
    way: str,
    side: str,
    fault: str,
) -> None:
    source, target = filled
    proxy = make_proxy((source if side == "source" else target).server)
    where = {f"at_{side}": reach(source if side == "source" else target, proxy)}
    with Loading(source, target, tmp_path, **where, **slow()) as loading:
        loading.start()
        loading.until(some_parts(loading), "the first part")
        for _ in range(3):
            proxy.refuse(fault == "gone")
            proxy.cut(reset=fault == "reset")
            time.sleep(0.3)
            proxy.resume()
        loading.finish()
    assert differences(source, target) == []


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("fault", ["stall", "half_open"])
def test_a_network_that_falls_silent(
    filled: tuple[Database, Database],
    tmp_path: Path,
    make_proxy: MakeProxy,
    way: str,
    side: str,
    fault: str,
) -> None:
    """Connections stay open and nothing comes: only the server can tell that it waits too."""
    source, target = filled
    proxy = make_proxy((source if side == "source" else target).server)
    where = {f"at_{side}": reach(source if side == "source" else target, proxy)}
    with Loading(source, target, tmp_path, **where, **slow()) as loading:
        loading.start()
        loading.until(some_parts(loading), "the first part")
        # Whoever is connected now stays deaf for ever; new connections get through.
        deaf = proxy._links[:]
        if fault == "stall":
            proxy.stall()
        else:
            proxy.half_open()
        time.sleep(0.3)
        for link in deaf:
            link.swallow = True
        proxy.resume()
        loading.finish()
    assert differences(source, target) == []


def test_commits_whose_answer_is_lost(
    filled: tuple[Database, Database], tmp_path: Path, make_proxy: MakeProxy, way: str
) -> None:
    source, target = filled
    proxy = make_proxy(target.server)
    proxy.drop_commit_reply(4)
    at_target = reach(target, proxy)
    with Loading(source, target, tmp_path, at_target=at_target, **slow(max_rate=0)) as loading:
        loading.run()
    assert proxy.dropped_commits == 4
    assert differences(source, target) == []
    rows = sum(count for count, _ in loading.parts().values())
    assert rows == 2 * ROWS


def test_a_target_that_restarts(
    source: Database, own_server: Callable[..., Server], tmp_path: Path, way: str
) -> None:
    server = own_server(18)
    target = create(server)
    source.run(DATA)
    copy_schema(source, target)
    with Loading(source, target, tmp_path, **slow()) as loading:
        loading.start()
        loading.until(some_parts(loading), "the first part")
        server.immediate_restart()
        loading.finish()
    assert differences(source, target) == []


def test_a_source_that_restarts_takes_the_snapshot_with_it(
    target: Database, own_server: Callable[..., Server], tmp_path: Path, way: str
) -> None:
    server = own_server(17)
    source = create(server, DATA)
    copy_schema(source, target)
    with Loading(source, target, tmp_path, **slow()) as loading:
        loading.start()
        loading.until(some_parts(loading), "the first part")
        server.immediate_restart()
        with pytest.raises(MigrationError) as caught:
            loading.finish()
    assert caught.value.code == "SnapshotLost"


def test_a_session_that_outlives_its_snapshots_holder_goes_on(
    filled: tuple[Database, Database], tmp_path: Path, way: str
) -> None:
    source, target = filled
    with Loading(source, target, tmp_path, **slow()) as loading:
        loading.start()
        loading.until(some_parts(loading), "the first part")
        loading.holder.close()
        loading.finish()
    assert differences(source, target) == []


def test_locks_on_either_side_are_waited_for(
    filled: tuple[Database, Database], tmp_path: Path, way: str
) -> None:
    """A backend that waits for a lock is silent, but not lost."""
    source, target = filled
    with (
        Loading(source, target, tmp_path, **slow(max_rate=0)) as loading,
        source.connect(autocommit=False) as at_source,
        target.connect(autocommit=False) as at_target,
    ):
        at_target.execute("LOCK TABLE t, keyless")
        loading.start()
        time.sleep(2.0)
        assert loading.running
        at_source.execute("LOCK TABLE keyless IN ACCESS SHARE MODE")
        at_target.rollback()
        loading.finish()
    assert differences(source, target) == []


def test_rows_full_of_protocol(source: Database, target: Database, tmp_path: Path) -> None:
    """Every few rows one that imitates the end of a COPY, an error, or a statement."""
    source.run(
        r"""
CREATE TABLE evil (id int, b bytea);
INSERT INTO evil SELECT i, CASE i % 5
    WHEN 0 THEN '\x6300000004430000000b434f5059203700'::bytea
    WHEN 1 THEN '\x5a0000000554'::bytea
    WHEN 2 THEN '\x5a0000000545'::bytea
    WHEN 3 THEN '\x5100000013'::bytea || 'DROP TABLE x;'::bytea || '\x00'::bytea
    ELSE '\x4500000024'::bytea || 'SFATAL'::bytea || '\x00'::bytea || 'C57P01'::bytea
    END FROM generate_series(1, 60000) i"""
    )
    copy_schema(source, target)
    with Loading(source, target, tmp_path, **slow(max_rate=0)) as loading:
        loading.run()
    assert differences(source, target) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 180 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    place = Path("/tmp") / f"dms-pg-small-{os.getpid()}"  # noqa: S108 - the server must enter it
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=180m,mode=755", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        place.rmdir()
        pytest.skip("this machine does not let us mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
    place.rmdir()


def test_a_full_target_disk_is_waited_for(
    source: Database,
    own_server: Callable[..., Server],
    small_disk: Path,
    tmp_path: Path,
    way: str,
) -> None:
    server = own_server(
        18,
        directory=small_disk / "pg",
        settings={"min_wal_size": "32MB", "max_wal_size": "32MB", "autovacuum": False},
    )
    target = create(server)
    source.run(DATA)
    copy_schema(source, target)
    # Tables cannot grow, while WAL still can: running out of that would end the server.
    ballast = small_disk / "ballast"
    # Slower than elsewhere: there must be rows left when the disk is full.
    with Loading(source, target, tmp_path, **slow(max_rate=RATE // 3)) as loading:
        loading.start()
        loading.until(some_parts(loading), "the first part")
        _fill(ballast)
        loading.until(lambda: any("53100" in p.note for p in loading.reports), "a full disk")
        release = threading.Timer(0.5, ballast.unlink)
        release.start()
        loading.finish()
        release.join()
    assert differences(source, target) == []
    assert loading.reports[-1].note == ""


def _fill(ballast: Path) -> None:
    """Leave no free block."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return
