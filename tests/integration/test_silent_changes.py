"""Changes of the schema the stream does not tell of: none ends in COMPLETE with other data."""

from __future__ import annotations

import pytest

from azext_dms_pg.postgres.statements import statement
from tests.fix_postgres import MakeDatabase, Servers
from tests.support.databases import Database
from tests.support.engine import session
from tests.support.migrate import Mover, Task

BY_ITSELF = "by itself: "
SCHEMA = "CREATE TABLE t (id int PRIMARY KEY, a int, b int, price numeric(9,2));"
REBUILD = (
    "CREATE TABLE n (LIKE t INCLUDING ALL); ALTER TABLE t RENAME TO o; ALTER TABLE n RENAME TO t;"
)
ROWS = "INSERT INTO t SELECT i, i, i * 10, i FROM generate_series(1, 10) i"


def _begin(mover: Mover, source: Database, target: Database, schema: str = SCHEMA,
           rows: str = ROWS, **options: object) -> Task:  # fmt: skip
    for database in (source, target):
        database.run(schema)
    if rows:
        source.run(rows)
    task = mover.start(source, target, **options)  # type: ignore[arg-type]
    task.ready()
    return task


def _mend(task: Task) -> str:
    """Wait for the pause, do what the user is told to do; the whole text."""
    task.until(lambda: BY_ITSELF in task.problem(), "a pause with a statement")
    text = task.problem()
    task.target.run(text.split(BY_ITSELF, 1)[1].split("\n")[0])
    return text


def _fails(task: Task, code: str) -> str:
    task.reach("FAILED")
    errors = [error for error in task.findings() if error["code"] == code]
    assert errors, task.story()
    return str(errors[0]["message"])


def _ends_equal(task: Task, *tables: str) -> None:
    task.reach("COMPLETE")
    report = task.compare(catalogue_before=None, only=list(tables) or None)
    assert report.clean, report.text


def test_a_rewrite_with_other_values(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target)
    source.run("ALTER TABLE t ALTER price TYPE bigint USING (price * 100)::bigint")
    task.cutover()
    assert "already there" in _mend(task)
    assert "public.t" in _fails(task, "OldRowsDiffer")
    # What the message names as the other way out.
    source.run("UPDATE t SET price = price")
    task.backend.tasks.restart(task.where)
    task.ready()
    task.cutover()
    _ends_equal(task)


def test_a_default_for_each_row(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(mover, source, target, settings={"compare": "none"})
    source.run("ALTER TABLE t ADD COLUMN u float8 NOT NULL DEFAULT random()")
    task.cutover()
    _mend(task)
    _fails(task, "OldRowsDiffer")


def test_a_new_column_leaves_no_doubt(mover: Mover, source: Database, target: Database) -> None:
    """Old rows hold nothing in it, or what the statement gives them: nobody is alarmed."""
    task = _begin(mover, source, target)
    source.run("ALTER TABLE t ADD COLUMN n int, ADD COLUMN d int NOT NULL DEFAULT 7")
    source.run("INSERT INTO t VALUES (11, 1, 1, 1, 1, 1)")
    text = _mend(task)
    assert "already there" not in text
    assert "begin anew" not in text
    task.ready()
    task.cutover()
    _ends_equal(task)
    assert "TableRewritten" not in {finding["code"] for finding in task.findings()}


def test_a_default_that_was_another_one_here(
    mover: Mover, source: Database, target: Database
) -> None:
    """A careful user does it on the target first; the moment differs."""
    task = _begin(mover, source, target)
    for database in (target, source):
        database.run("ALTER TABLE t ADD COLUMN at timestamptz DEFAULT now()")
    task.cutover()
    _fails(task, "OldRowsDiffer")


def test_a_file_written_anew_with_the_same_rows(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target)
    source.run("VACUUM FULL t")
    source.run("UPDATE t SET a = 0 WHERE id = 1")
    task.cutover()
    _ends_equal(task)
    assert "TableRewritten" in {finding["code"] for finding in task.findings()}


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_column_made_anew(mover: Mover, source: Database, target: Database, plugin: str) -> None:
    task = _begin(mover, source, target, source_settings={"plugin": plugin})
    source.run("ALTER TABLE t DROP COLUMN price; ALTER TABLE t ADD COLUMN price numeric(9,2)")
    source.run("UPDATE t SET price = 5 WHERE id = 1")
    _mend(task)
    task.ready()
    task.cutover()
    _ends_equal(task)


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_names_that_change_places(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    task = _begin(mover, source, target, source_settings={"plugin": plugin})
    source.run(
        "UPDATE t SET a = 77 WHERE id = 1; ALTER TABLE t RENAME a TO c;"
        "ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME c TO b;"
    )
    source.run("UPDATE t SET b = 99 WHERE id = 2")
    _mend(task)
    task.ready()
    source.run("UPDATE t SET a = -1 WHERE id = 3")
    task.cutover()
    _ends_equal(task)


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_not_generated_any_more(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    task = _begin(
        mover, source, target,
        "CREATE TABLE t (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED);",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 5) i",
        source_settings={"plugin": plugin},
    )  # fmt: skip
    source.run("ALTER TABLE t ALTER g DROP EXPRESSION")
    source.run("UPDATE t SET g = 0 WHERE id = 1")
    assert "DROP EXPRESSION" in _mend(task)
    task.ready()
    task.cutover()
    _ends_equal(task)


def test_a_label_that_no_later_row_uses(mover: Mover, source: Database, target: Database) -> None:
    task = _begin(
        mover, source, target,
        "CREATE TYPE color AS ENUM ('red', 'blue'); CREATE TABLE t (id int PRIMARY KEY, c color);",
        "INSERT INTO t VALUES (1, 'red')",
    )  # fmt: skip
    source.run("ALTER TYPE color RENAME VALUE 'red' TO 'RED'")
    task.cutover()
    _mend(task)
    _ends_equal(task)


def test_what_was_accepted_at_the_beginning(
    mover: Mover, source: Database, target: Database
) -> None:
    """Differences the user went on with do not hold up the cutover."""
    source.run(SCHEMA + ROWS)
    target.run("CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b bigint, price numeric)")
    task = mover.start(source, target)
    task.ready()
    source.run("VACUUM FULL t")
    task.finish()
    assert target.value("SELECT count(*) FROM t") == 10


@pytest.mark.parametrize(
    "ddl",
    [
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, a int, b int, price numeric(9,2))",
        f"{REBUILD} DROP TABLE o",
        REBUILD,
    ],
)
def test_a_table_that_is_replaced(
    mover: Mover, source: Database, target: Database, ddl: str
) -> None:
    task = _begin(mover, source, target, SCHEMA + "CREATE TABLE other (id int PRIMARY KEY);")
    source.run(ddl)
    task.cutover()
    _fails(task, "SourceTableReplaced")


@pytest.mark.parametrize("tables", [None, ["t"]])
def test_a_table_that_comes_too_late(
    mover: Mover, source: Database, target: Database, tables: list[str] | None
) -> None:
    task = _begin(mover, source, target, tables=tables)
    source.run("CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1)")
    task.cutover()
    _ends_equal(task, "public.t")
    told = {finding["code"] for finding in task.findings()}
    assert ("TableNotMigrated" in told) is (tables is None)


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_a_root_without_partitions(
    mover: Mover, source: Database, target: Database, plugin: str
) -> None:
    root = "CREATE TABLE root (id int, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);"
    task = _begin(mover, source, target, SCHEMA + root, source_settings={"plugin": plugin})
    for database in (target, source):
        database.run("CREATE TABLE root_1 PARTITION OF root FOR VALUES IN (1)")
    source.run("INSERT INTO root VALUES (1, 1), (2, 1)")
    source.run("DELETE FROM root WHERE id = 2")
    source.run("ALTER TABLE root ADD COLUMN v int DEFAULT 1; INSERT INTO root VALUES (3, 1, 2)")
    _mend(task)
    task.ready()
    task.cutover()
    _ends_equal(task)
    assert target.value("SELECT count(*) FROM root") == 2
    assert "TableNotMigrated" not in {finding["code"] for finding in task.findings()}


def test_a_partition_that_brings_rows(mover: Mover, source: Database, target: Database) -> None:
    root = (
        "CREATE TABLE root (id int, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);"
        "CREATE TABLE root_1 PARTITION OF root FOR VALUES IN (1);"
    )
    rows = "INSERT INTO root VALUES (1, 1)"
    task = _begin(mover, source, target, root, rows, settings={"compare": "none"})
    for database in (source, target):
        database.run("CREATE TABLE root_2 (LIKE root INCLUDING ALL)")
    source.run("INSERT INTO root_2 VALUES (2, 2)")
    for database in (target, source):
        database.run("ALTER TABLE root ATTACH PARTITION root_2 FOR VALUES IN (2)")
    source.run("INSERT INTO root VALUES (3, 2)")
    task.cutover()
    _fails(task, "PartitionHadRows")


def test_all_of_its_partitions_are_new(mover: Mover, source: Database, target: Database) -> None:
    """There is no file of the load to compare theirs with."""
    root = "CREATE TABLE root (id int, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);"
    task = _begin(mover, source, target, SCHEMA + root, settings={"compare": "none"})
    for database in (target, source):
        database.run("CREATE TABLE root_1 PARTITION OF root FOR VALUES IN (1)")
    source.run("INSERT INTO root VALUES (1, 1)")
    task.until(lambda: target.value("SELECT count(*) FROM root") == 1, "the row")
    source.run("ALTER TABLE root ALTER id TYPE bigint USING id * 100")
    task.cutover()
    _mend(task)
    _fails(task, "OldRowsDiffer")


def test_a_new_partition_filled_at_once_is_no_such(
    mover: Mover, source: Database, target: Database
) -> None:
    root = (
        "CREATE TABLE root (id int, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);"
        "CREATE TABLE root_1 PARTITION OF root FOR VALUES IN (1);"
    )
    task = _begin(mover, source, target, root, "INSERT INTO root VALUES (1, 1)")
    new = "CREATE TABLE root_2 PARTITION OF root FOR VALUES IN (2)"
    target.run(new)
    source.run(f"BEGIN; {new}; INSERT INTO root VALUES (2, 2); COMMIT")
    task.cutover()
    _ends_equal(task)


def test_another_scale_under_test_decoding(
    mover: Mover, source: Database, target: Database
) -> None:
    task = _begin(mover, source, target, source_settings={"plugin": "test_decoding"})
    source.run("ALTER TABLE t ALTER price TYPE numeric(12,4)")
    source.run("INSERT INTO t VALUES (11, 1, 1, 1.2345)")
    task.cutover()
    _mend(task)
    task.reach("FAILED", "COMPLETE")
    if task.state == "COMPLETE":
        _ends_equal(task)
    else:
        # The row may have arrived before the look: rounded, and found out.
        _fails(task, "OldRowsDiffer")


@pytest.mark.parametrize("version", [10, 11, 12, 14, 16])
def test_the_questions_fit_older_servers(
    servers: Servers, make_database: MakeDatabase, version: int
) -> None:
    database = make_database(servers.get(version), SCHEMA)
    with session(database) as asked:
        oid = database.value("SELECT 't'::regclass::oid::int8")
        for name in ("fingerprint", "files", "shapes", "places"):
            query = statement("drift", name, asked.info.server_version)
            assert asked.execute(query, {"relations": [oid]}).fetchall()


def test_a_type_that_comes_and_goes(mover: Mover, source: Database, target: Database) -> None:
    """The target's type is the one that was accepted; the stream must not stand still."""
    source.run("CREATE TABLE n (id int PRIMARY KEY, x numeric(10,2))")
    target.run("CREATE TABLE n (id int PRIMARY KEY, x numeric(12,2))")
    task = mover.start(source, target)
    task.ready()
    source.run(
        "BEGIN; ALTER TABLE n ALTER x TYPE numeric(11,2); INSERT INTO n VALUES (1, 1);"
        "ALTER TABLE n ALTER x TYPE numeric(10,2); COMMIT"
    )
    task.finish()
    assert target.value("SELECT x FROM n") == 1
