"""The full load between real servers: every shape of table, both ways of copying."""

from __future__ import annotations

from pathlib import Path

import pytest

from azext_dms_pg.engine.load import lane, parts
from azext_dms_pg.errors import DmsPgError, Interrupted, MigrationError
from azext_dms_pg.postgres.channel import open_channel
from azext_dms_pg.postgres.connect import connect
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database, copy_schema
from tests.support.loading import Loading, differences, reach

SHAPES = r"""
CREATE TABLE plain (id bigint PRIMARY KEY, note text, price numeric, at timestamptz, doc jsonb);
INSERT INTO plain SELECT i, repeat('x', i % 50), i / 7.0, timestamptz 'epoch' + i * interval '1s',
    jsonb_build_object('i', i) FROM generate_series(1, 5000) i;
CREATE TABLE empty (id int);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE "ta""b; DROP TABLE plain; --%s" ("Col 1" int, "%s" text, "\" text, "a
b" text, "ü" text);
INSERT INTO "ta""b; DROP TABLE plain; --%s" VALUES (1, '\.', E'\\', E'\t\n\r', 'ü😀'), (2, NULL,
    '', '\N', E'\x01\x7f');
CREATE TABLE computed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int,
    twice int GENERATED ALWAYS AS (a * 2) STORED);
INSERT INTO computed (a) SELECT i FROM generate_series(1, 100) i;
CREATE TABLE only_computed (one int GENERATED ALWAYS AS (1) STORED);
INSERT INTO only_computed DEFAULT VALUES;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b mood);
CREATE DOMAIN small AS int CHECK (VALUE < 1000000);
CREATE TABLE typed (m mood, ms mood[], p pair, ps pair[], d small, c "char", n name, f float8,
    b bytea, iv interval, r int4range, i inet);
INSERT INTO typed VALUES ('sad', '{sad,ok,NULL}', '(1,ok)', '{"(1,ok)","(2,)"}', 5, 'x', 'n',
    'NaN', '\x00ff', '1 mon -3 days', '[1,5)', '::1'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    '-0', '', NULL, 'empty', NULL);
CREATE TABLE parent (id int); CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'two');
CREATE TABLE measure (at date NOT NULL, v int) PARTITION BY RANGE (at);
CREATE TABLE measure_1 PARTITION OF measure FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE measure_2 PARTITION OF measure FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
INSERT INTO measure SELECT date '2020-01-01' + i % 700, i FROM generate_series(1, 2000) i;
CREATE TABLE fat (id int, v text); ALTER TABLE fat ALTER v SET STORAGE EXTERNAL;
INSERT INTO fat VALUES (1, repeat('z', 9000000)), (2, ''), (3, repeat('y', 1500000));
"""
WIDE = "CREATE TABLE wide ({});INSERT INTO wide (c0, c999) VALUES (1, 2), (3, 4)".format(
    ", ".join(f"c{number} int" for number in range(1000))
)


@pytest.fixture(params=["spliced", "libpq"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to move rows."""
    if request.param == "libpq":
        monkeypatch.setattr(lane, "open_channel", lambda _: None)
    return str(request.param)


@pytest.fixture
def fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut tables of a few kilobytes into ranges, as if they were large."""
    monkeypatch.setattr(parts, "_SMALL", 1 << 14)
    monkeypatch.setattr(parts, "_LEAST_RANGE", 1 << 15)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_every_shape(
    source: Database, target: Database, tmp_path: Path, way: str, binary: bool
) -> None:
    source.run(SHAPES)
    source.run(WIDE)
    copy_schema(source, target)
    with Loading(source, target, tmp_path, binary=binary) as loading:
        loading.run()
    assert differences(source, target) == []
    assert all(progress.fraction <= 1 for progress in loading.reports)
    last = {str(progress.label): progress for progress in loading.reports}
    assert all(progress.done and progress.fraction == 1 for progress in last.values())
    assert last["public.plain"].rows == 5000
    assert last["public.measure"].rows == 2000


@pytest.mark.parametrize("version", [10, 13, 14])
def test_ranges_on_every_kind_of_source(
    servers: Servers,
    make_database: MakeDatabase,
    target: Database,
    tmp_path: Path,
    fine: None,
    way: str,
    version: int,
) -> None:
    """Ranges of blocks where the source can scan them, else ranges of an integer key."""
    source = make_database(servers.get(version, role="source"))
    script = "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (v text)"
    for database in (source, target):
        database.run(script)
    source.run("INSERT INTO t SELECT i * 10 - 5000, md5(i::text) FROM generate_series(1, 9000) i")
    source.run("INSERT INTO u SELECT md5(i::text) FROM generate_series(1, 5000) i")
    source.run("DELETE FROM t WHERE id % 3 = 0")
    source.run("ANALYZE")
    with Loading(source, target, tmp_path, part_bytes=100_000) as loading:
        loading.run()
    assert differences(source, target) == []
    mine = [part for part in loading.parts() if "public.t" in part]
    assert len(mine) > 2


def test_only_what_the_snapshot_sees(source: Database, target: Database, tmp_path: Path) -> None:
    source.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    copy_schema(source, target)
    with Loading(source, target, tmp_path) as loading:
        source.run("INSERT INTO t VALUES (3); DELETE FROM t WHERE id = 1")
        source.run("UPDATE t SET id = id + 10")
        loading.run()
    assert target.run("SELECT id FROM t ORDER BY 1") == [(1,), (2,)]


def test_a_partitioned_source_into_a_flat_target(
    source: Database, target: Database, tmp_path: Path, way: str
) -> None:
    source.run(SHAPES[SHAPES.index("CREATE TABLE measure") : SHAPES.index("CREATE TABLE fat")])
    target.run(
        "CREATE TABLE measure (at date NOT NULL, v int) PARTITION BY HASH (at);"
        "CREATE TABLE other_1 PARTITION OF measure FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE other_2 PARTITION OF measure FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
    )
    with Loading(source, target, tmp_path) as loading:
        loading.run()
    query = "SELECT count(*), sum(v) FROM measure"
    assert source.run(query) == target.run(query)
    assert {str(progress.label) for progress in loading.reports} == {"public.measure"}


def test_over_tls(
    servers: Servers, make_database: MakeDatabase, target: Database, tmp_path: Path, way: str
) -> None:
    source = make_database(servers.get(17, tls=True, role="tls"), SHAPES)
    copy_schema(source, target)
    encrypted = reach(source, encrypt=True)
    with connect(encrypted, "source") as connection:
        assert connection.pgconn.ssl_in_use
        assert type(open_channel(connection)).__name__ == "_Encrypted"
    with Loading(source, target, tmp_path, at_source=encrypted) as loading:
        loading.run()
    assert differences(source, target) == []


def test_many_small_tables_in_few_transactions(
    source: Database, target: Database, tmp_path: Path, way: str
) -> None:
    for number in range(150):
        source.run(
            f"CREATE TABLE s{number} (id int PRIMARY KEY, v text);"
            f" INSERT INTO s{number} SELECT i, md5(i::text) FROM generate_series(1, 50) i"
        )
    copy_schema(source, target)
    with Loading(source, target, tmp_path) as loading:
        loading.run()
    assert differences(source, target) == []
    assert len(loading.parts()) == 150
    transactions = target.value("SELECT count(DISTINCT xmin::text) FROM dms_pg.loaded_part")
    assert transactions <= 8


def test_one_table_that_is_refused_ends_the_load_with_its_words(
    source: Database, target: Database, tmp_path: Path, way: str
) -> None:
    source.run("CREATE TABLE a (id int); INSERT INTO a VALUES (1), (2);")
    target.run("CREATE TABLE a (id int CHECK (id < 2))")
    refused = pytest.raises(DmsPgError, match="a_id_check")
    with Loading(source, target, tmp_path) as loading, refused:
        loading.run()
    assert target.value("SELECT count(*) FROM a") == 0
    assert loading.parts() == {}


def test_a_snapshot_nobody_holds_is_lost(
    source: Database, target: Database, tmp_path: Path
) -> None:
    source.run("CREATE TABLE t (id int)")
    copy_schema(source, target)
    with Loading(source, target, tmp_path) as loading:
        loading.holder.close()
        with pytest.raises(MigrationError) as caught:
            loading.run()
    assert caught.value.code == "SnapshotLost"


REWRITES = {
    "VACUUM FULL t": True,
    "CLUSTER t USING t_pkey": True,
    "ALTER TABLE t ALTER v TYPE varchar": True,
    "ALTER TABLE t ADD w uuid DEFAULT gen_random_uuid()": True,
    "TRUNCATE small": False,
    "VACUUM FULL small": False,
    "ALTER TABLE small ALTER id TYPE bigint USING id + 1": True,
}


@pytest.mark.parametrize(("statement", "lost"), REWRITES.items(), ids=str)
def test_a_table_rewritten_meanwhile_is_noticed(
    source: Database, target: Database, tmp_path: Path, fine: None, statement: str, lost: bool
) -> None:
    """Rows would be missing or doubled without any server reporting an error."""
    source.run(
        "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE small (id int);"
        " INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 5000) i;"
        " INSERT INTO small VALUES (1)"
    )
    copy_schema(source, target)
    with Loading(
        source, target, tmp_path, part_bytes=65536, max_rate=400_000, parallel_tables=1
    ) as loading:
        loading.start()
        loading.until(lambda: len(loading.parts()) >= 1, "the first range")
        source.run(statement)
        if lost:
            with pytest.raises(MigrationError) as caught:
                loading.finish()
            assert caught.value.code == "SnapshotLost"
        else:
            loading.finish()


def test_a_stop_ends_it_and_leaves_whole_parts_only(
    source: Database, target: Database, tmp_path: Path, fine: None, way: str
) -> None:
    source.run("CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i")
    copy_schema(source, target)
    with Loading(
        source, target, tmp_path, part_bytes=65536, max_rate=300_000, parallel_tables=2
    ) as loading:
        loading.start()
        loading.until(lambda: len(loading.parts()) >= 2, "two ranges")
        loading.stop.set()
        with pytest.raises(Interrupted):
            loading.finish()
        rows = sum(count for count, _ in loading.parts().values())
        assert 0 < rows < 20000
        assert target.value("SELECT count(*) FROM t") == rows


def test_memory_stays_flat_with_a_large_value(
    source: Database, target: Database, tmp_path: Path, way: str
) -> None:
    source.run(
        "CREATE TABLE t (v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
        " INSERT INTO t VALUES (repeat('0123456789', 10000000))"
    )
    copy_schema(source, target)
    with Loading(source, target, tmp_path) as loading:
        loading.run()
    assert target.value("SELECT md5(v) FROM t") == source.value("SELECT md5(v) FROM t")


@pytest.mark.parametrize("version", [12, 13, 14, 17, 18])
def test_a_table_that_became_a_view(
    servers: Servers,
    make_database: MakeDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: int,
) -> None:
    """Its functions would run with our rights."""
    monkeypatch.setattr(parts, "_SMALL", 1)
    monkeypatch.setattr(parts, "_LEAST_RANGE", 1 << 14)
    script = "CREATE TABLE t (id int PRIMARY KEY, v text);"
    rows = "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 900) i;"
    source = make_database(servers.get(version, role="source"), script + rows)
    target = make_database(servers.get(18), script)
    source.run("CREATE SEQUENCE ran")
    with Loading(source, target, tmp_path, part_bytes=1 << 14) as loading:
        source.run(
            "ALTER TABLE t RENAME TO old; CREATE FUNCTION f(text) RETURNS text LANGUAGE sql"
            " AS $$SELECT nextval('public.ran')::text$$;"
            "CREATE VIEW t AS SELECT id, f(v) AS v, ctid FROM old"
        )
        with pytest.raises(DmsPgError) as caught:
            loading.run()
    assert source.run("SELECT is_called FROM ran") == [(False,)]
    assert "has become a view" in caught.value.action
