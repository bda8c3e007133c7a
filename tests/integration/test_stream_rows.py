"""Row changes of every awkward kind; names say which hazard of online migration is meant."""

from __future__ import annotations

from typing import Any

import pytest

from azext_dms_pg.engine.faults import ApplyError
from tests.support.databases import Database
from tests.support.following import Following

WAYS: dict[str, dict[str, Any]] = {
    "binary": {},
    "text": {"binary": False},
    "test_decoding": {"plugin": "test_decoding"},
}
ways = pytest.mark.parametrize("form", WAYS)


def in_one(*statements: str) -> str:
    return f"BEGIN; {'; '.join(statements)}; COMMIT"


def follow(
    source: Database, target: Database, form: str, schema: str, data: str, *changes: str
) -> Following:
    """Run each change in a transaction of its own, then all of them in one; compare both times."""
    with Following(source, target, schema, data, **WAYS[form]) as following:
        for change in changes:
            source.run(change)
        following.catch_up()
        assert following.differences() == []
    return following


TOAST = """
CREATE TABLE {0} (id int {1}, n int, doc text, raw bytea);
ALTER TABLE {0} ALTER doc SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL;
ALTER TABLE {0} REPLICA IDENTITY {2};
"""


@ways
@pytest.mark.parametrize(
    ("key", "identity"), [("PRIMARY KEY", "DEFAULT"), ("PRIMARY KEY", "FULL"), ("", "FULL")]
)
def test_hazard_1_unchanged_toast(
    source: Database, target: Database, form: str, key: str, identity: str
) -> None:
    follow(
        source,
        target,
        form,
        TOAST.format("t", key, identity),
        "INSERT INTO t SELECT i, 0, repeat(chr(64 + i), 9000), convert_to(repeat('x', 9000 + i),"
        " 'UTF8') FROM generate_series(1, 9) i;"
        "INSERT INTO t VALUES (10, 0, 'unchanged-toast-datum', NULL), (11, 0, 'null', '')",
        "UPDATE t SET n = n + 1",
        "UPDATE t SET doc = repeat('new', 4000) WHERE id = 2",
        in_one(
            "UPDATE t SET n = 5 WHERE id = 3",
            "UPDATE t SET doc = 'short' WHERE id = 3",
            "UPDATE t SET n = 6 WHERE id = 3",
            "UPDATE t SET raw = NULL WHERE id = 4",
            "UPDATE t SET n = 7 WHERE id = 4",
        ),
        in_one(
            "INSERT INTO t VALUES (20, 0, repeat('z', 9000), repeat('y', 9000)::bytea)",
            "UPDATE t SET n = 1 WHERE id = 20",
            "UPDATE t SET id = 21 WHERE id = 20",
        ),
        "UPDATE t SET id = id + 100 WHERE id IN (5, 6)",
        in_one(
            "UPDATE t SET id = 200 WHERE id = 7",
            "UPDATE t SET id = 7 WHERE id = 8",
            "UPDATE t SET id = 8, n = 99 WHERE id = 200",
        ),
        "UPDATE t SET doc = 'unchanged-toast-datum' WHERE id = 9",
        "UPDATE t SET n = -n",
    )


@ways
@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_hazard_2_keys_change(source: Database, target: Database, form: str, identity: str) -> None:
    follow(
        source,
        target,
        form,
        f"""CREATE TABLE one (id int PRIMARY KEY, name text);
        CREATE TABLE two (a text, b numeric, name text, PRIMARY KEY (a, b));
        ALTER TABLE one REPLICA IDENTITY {identity}; ALTER TABLE two REPLICA IDENTITY {identity};
        """,
        "INSERT INTO one SELECT i, 'row ' || i FROM generate_series(1, 10) i;"
        "INSERT INTO two SELECT 'k' || i, i * 1.0, 'row' FROM generate_series(1, 10) i",
        "UPDATE one SET id = 3000 WHERE id = 1",
        in_one(
            "UPDATE one SET id = -1 WHERE id = 3000",
            "UPDATE one SET id = 1 WHERE id = 2",
            "UPDATE one SET id = 2 WHERE id = -1",
        ),
        # 1.0 and 1.00 are one key for the server and two for whoever compares bytes.
        "UPDATE two SET b = 1.00, name = 'rescaled' WHERE a = 'k1'",
        in_one(
            "DELETE FROM two WHERE a = 'k2'",
            "INSERT INTO two VALUES ('k2', 2.000, 'again')",
            "UPDATE two SET b = 2.0 WHERE a = 'k2'",
            "UPDATE two SET a = E'tab\\tand\\nline' WHERE a = 'k3'",
            "UPDATE two SET name = 'after' WHERE a = E'tab\\tand\\nline'",
        ),
        "UPDATE one SET id = id + 1000",
        "UPDATE one SET id = id - 999",
        in_one(
            "INSERT INTO one VALUES (50, 'new')",
            "UPDATE one SET id = 51 WHERE id = 50",
            "DELETE FROM one WHERE id = 51",
            "INSERT INTO one VALUES (51, 'last')",
        ),
    )


@ways
def test_hazard_3_replica_identity_changes(source: Database, target: Database, form: str) -> None:
    schema = (
        "CREATE TABLE t (id int PRIMARY KEY, other int NOT NULL, n int);"
        "CREATE UNIQUE INDEX by_other ON t (other)"
    )
    with Following(
        source, target, schema, "INSERT INTO t SELECT i, i + 100, 0 FROM generate_series(1, 9) i",
        **WAYS[form],
    ) as following:  # fmt: skip
        for identity in ("FULL", "USING INDEX by_other", "DEFAULT", "USING INDEX by_other", "FULL"):
            source.run(f"ALTER TABLE t REPLICA IDENTITY {identity}")
            source.run("UPDATE t SET n = n + 1")
            source.run("UPDATE t SET other = other + 100 WHERE id = 1")
            source.run("DELETE FROM t WHERE id = (SELECT min(id) FROM t WHERE id > 1)")
        following.catch_up()
        assert following.differences() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE t SET n = 1 WHERE id = 2", "UPDATE on public.t: 1 rows changed on the source, 0"),
        ("DELETE FROM t WHERE id = 2", "DELETE on public.t: 1 rows changed on the source, 0"),
        ("DELETE FROM h WHERE id = 2", "DELETE on public.h: 2 rows changed on the source, 1"),
    ],
)
def test_hazard_3_a_row_that_is_not_there_is_an_error(
    source: Database, target: Database, change: str, words: str
) -> None:
    schema = (
        "CREATE TABLE t (id int PRIMARY KEY, n int);"
        "CREATE TABLE h (id int); ALTER TABLE h REPLICA IDENTITY FULL"
    )
    data = "INSERT INTO t SELECT i, 0 FROM generate_series(1, 3) i; INSERT INTO h VALUES (2), (2)"
    following = Following(source, target, schema, data)
    target.run("DELETE FROM t WHERE id = 2")
    target.run("DELETE FROM h WHERE ctid = (SELECT min(ctid) FROM h)")
    with following:
        source.run(change)
        error = following.failure()
    assert isinstance(error, ApplyError)
    assert words in error.message
    assert error.label is not None


@ways
def test_hazard_17_equal_rows(source: Database, target: Database, form: str) -> None:
    follow(
        source,
        target,
        form,
        "CREATE TABLE t (a int, b json, c point, d text, e numeric);"
        "ALTER TABLE t REPLICA IDENTITY FULL;"
        "CREATE TABLE nothing (); ALTER TABLE nothing REPLICA IDENTITY FULL",
        "INSERT INTO t SELECT 1, '{\"a\": 1}', '(1,2)', NULL, 1.0 FROM generate_series(1, 3);"
        "INSERT INTO t SELECT 1, '{\"a\":1}', '(1,2)', NULL, 1.00 FROM generate_series(1, 3);"
        "INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, '', NULL);"
        "INSERT INTO nothing SELECT FROM generate_series(1, 3)",
        "DELETE FROM t WHERE ctid = (SELECT ctid FROM t WHERE e::text = '1.0' LIMIT 1)",
        "UPDATE t SET d = 'x' WHERE ctid = (SELECT ctid FROM t WHERE e::text = '1.00' LIMIT 1)",
        "DELETE FROM t WHERE a IS NULL AND d IS NULL",
        in_one(
            "INSERT INTO t SELECT 2, NULL, NULL, 'y', 2 FROM generate_series(1, 5)",
            "DELETE FROM t WHERE ctid = (SELECT max(ctid) FROM t)",
            "UPDATE t SET a = 3 WHERE ctid = (SELECT max(ctid) FROM t)",
        ),
        "INSERT INTO nothing SELECT FROM generate_series(1, 2)",
    )


@ways
def test_hazard_20_generated_and_identity(source: Database, target: Database, form: str) -> None:
    follow(
        source,
        target,
        form,
        """
        CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int,
            twice int GENERATED ALWAYS AS (a * 2) STORED, doc text);
        CREATE TABLE outside (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, a int,
            doc text);
        CREATE TABLE whole (n int GENERATED ALWAYS AS IDENTITY, a int);
        ALTER TABLE whole REPLICA IDENTITY FULL;
        ALTER TABLE g ALTER doc SET STORAGE EXTERNAL;
        ALTER TABLE outside ALTER doc SET STORAGE EXTERNAL;
        """,
        "INSERT INTO g (a, doc) SELECT i, repeat('d', 9000) FROM generate_series(1, 9) i;"
        "INSERT INTO outside (id, a, doc) SELECT i, 0, repeat('d', 9000)"
        " FROM generate_series(1, 9) i;"
        "INSERT INTO whole (a) SELECT i FROM generate_series(1, 9) i",
        "INSERT INTO g (a) VALUES (100)",
        "UPDATE g SET a = a + 1",
        "UPDATE g SET id = DEFAULT WHERE a = 3",
        "UPDATE outside SET a = a + 1",
        "UPDATE outside SET n = DEFAULT WHERE id = 3",
        "UPDATE outside SET id = 30 WHERE id = 4",
        "UPDATE whole SET a = a + 1",
        "INSERT INTO whole (a) VALUES (7)",
        "INSERT INTO g (id, a) OVERRIDING SYSTEM VALUE VALUES (500, 1)",
        "DELETE FROM g WHERE id = 2",
    )


@ways
def test_hazard_21_unique_values_change_places(
    source: Database, target: Database, form: str
) -> None:
    follow(
        source,
        target,
        form,
        """
        CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE, doc text);
        ALTER TABLE t ALTER doc SET STORAGE EXTERNAL;
        CREATE TABLE later (id int PRIMARY KEY, name text UNIQUE DEFERRABLE INITIALLY DEFERRED);
        CREATE TABLE room (id int PRIMARY KEY, span int4range, EXCLUDE USING gist (span WITH &&));
        """,
        "INSERT INTO t SELECT i, 'n' || i, repeat('d', 9000) FROM generate_series(1, 9) i;"
        "INSERT INTO later SELECT i, 'n' || i FROM generate_series(1, 9) i;"
        "INSERT INTO room SELECT i, int4range(i * 10, i * 10 + 10) FROM generate_series(1, 9) i",
        in_one(
            "UPDATE t SET name = NULL WHERE id = 1",
            "UPDATE t SET name = 'n1' WHERE id = 2",
            "UPDATE t SET name = 'n2' WHERE id = 1",
            "UPDATE t SET id = 33 WHERE id = 3",
            "INSERT INTO t VALUES (3, 'new', 'short')",
        ),
        in_one(
            "UPDATE later SET name = 'n2' WHERE id = 1",
            "UPDATE later SET name = 'n1' WHERE id = 2",
        ),
        "UPDATE later SET name = 'n' || (10 - id)",
        in_one(
            "UPDATE room SET span = 'empty' WHERE id = 1",
            "UPDATE room SET span = '[10,20)' WHERE id = 2",
            "UPDATE room SET span = '[20,30)' WHERE id = 1",
            "DELETE FROM room WHERE id = 9",
            "INSERT INTO room VALUES (19, '[90,100)')",
        ),
    )


def test_hazard_21_deferrable_swaps_in_slices(source: Database, target: Database) -> None:
    """A slice of a large transaction may end in the middle of a swap."""
    with Following(
        source,
        target,
        "CREATE TABLE t (id int PRIMARY KEY, name int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
        "INSERT INTO t SELECT i, i FROM generate_series(1, 100) i",
        batch_changes=7,
    ) as following:
        source.run("UPDATE t SET name = 101 - name")
        following.catch_up()
        assert following.differences() == []


@ways
def test_columns_of_the_targets_own_survive(source: Database, target: Database, form: str) -> None:
    """Columns the target has and the source has not keep their values through every change."""
    schema = "CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE, doc text);"
    with Following(
        source,
        target,
        schema,
        "INSERT INTO t SELECT i, 'n' || i, 'd' FROM generate_series(1, 4) i",
        target_schema=schema + "ALTER TABLE t ADD note text DEFAULT 'none'",
        **WAYS[form],
    ) as following:
        target.run("UPDATE t SET note = 'mine ' || name")
        source.run("UPDATE t SET id = 10 WHERE id = 1")
        source.run(
            in_one(
                "UPDATE t SET name = 'x' WHERE id = 2",
                "UPDATE t SET name = 'n2' WHERE id = 3",
                "UPDATE t SET name = 'n3' WHERE id = 2",
            )
        )
        source.run("INSERT INTO t VALUES (20, 'new', 'd')")
        following.catch_up()
        assert target.run("SELECT id, name, note FROM t ORDER BY id") == [
            (2, "n3", "mine n2"),
            (3, "n2", "mine n3"),
            (4, "n4", "mine n4"),
            (10, "n1", "mine n1"),
            (20, "new", "none"),
        ]


def test_an_extensions_type_as_key(source: Database, target: Database) -> None:
    with Following(
        source,
        target,
        "CREATE EXTENSION citext SCHEMA public; CREATE TABLE t (id citext PRIMARY KEY, n int)",
        "INSERT INTO t SELECT 'Key' || i, i FROM generate_series(1, 9) i",
    ) as following:
        source.run("UPDATE t SET n = n + 1")
        source.run("UPDATE t SET id = 'KEY1' WHERE id = 'key1'")
        source.run("DELETE FROM t WHERE id = 'key2'")
        following.catch_up()
        assert following.differences() == []
