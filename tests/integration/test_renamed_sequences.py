"""Sequences that get other names on the source while the migration runs.

The stream says nothing of them; which one of the target is meant is told by what both were at the
beginning.
"""

from __future__ import annotations

import pytest

from azext_dms_pg.engine.cutover.sequences import copy_sequences
from azext_dms_pg.engine.faults import GoOnError
from tests.support.databases import Database
from tests.support.engine import planned, session
from tests.support.migrate import Mover, Task

BY_ITSELF = "by itself: "
TWO = (
    "CREATE SEQUENCE sa; CREATE SEQUENCE sb;"
    "CREATE TABLE a (id int PRIMARY KEY DEFAULT nextval('sa'), v text);"
    "CREATE TABLE b (id int PRIMARY KEY DEFAULT nextval('sb'), v text);"
)
ROWS = (
    "INSERT INTO a (v) SELECT 'x' FROM generate_series(1, 1000);"
    "INSERT INTO b (v) SELECT 'x' FROM generate_series(1, 10);"
)
SERIAL = "CREATE TABLE a (id serial PRIMARY KEY, v text);"
MANY = "INSERT INTO a (v) SELECT 'x' FROM generate_series(1, 1000);"
SWAP = (
    "BEGIN; ALTER SEQUENCE sa RENAME TO z; ALTER SEQUENCE sb RENAME TO sa;"
    "ALTER SEQUENCE z RENAME TO sb; COMMIT"
)
NEW = "INSERT INTO {} (v) VALUES ('new') RETURNING id"


def _mend(task: Task, *expected: str) -> None:
    """Wait for the pause and do what the user is told to do, which is this and nothing else."""
    told = " ".join(expected)
    task.until(lambda: BY_ITSELF + told in task.problem(), f"a pause with {told}")
    assert task.problem().split(BY_ITSELF, 1)[1].split("\n")[0].strip() == told
    task.target.run(told)


def _ends(task: Task, **next_ids: int) -> None:
    """The tables of the target go on where those of the source would."""
    task.reach("COMPLETE")
    found = {table: task.target.value(NEW.format(table)) for table in next_ids}
    assert found == next_ids, task.story()


def _told(task: Task, code: str) -> list[str]:
    return [finding["subject"] for finding in task.findings() if finding["code"] == code]


@pytest.mark.parametrize("plugin", ["pgoutput", "test_decoding"])
def test_another_name(mover: Mover, source: Database, target: Database, plugin: str) -> None:
    task = mover.ready_with(source, target, TWO, ROWS, settings={"plugin": plugin})
    source.run("ALTER SEQUENCE sa RENAME TO sa2; INSERT INTO a (v) VALUES ('y')")
    task.cutover()
    _mend(task, "ALTER SEQUENCE public.sa RENAME TO sa2;")
    _ends(task, a=1002, b=11)


def test_another_schema(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, TWO, ROWS)
    source.run("CREATE SCHEMA other; ALTER SEQUENCE sa SET SCHEMA other")
    task.cutover()
    _mend(task, "CREATE SCHEMA other;", "ALTER SEQUENCE public.sa SET SCHEMA other;")
    _ends(task, a=1001, b=11)


def test_names_that_change_places(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, TWO, ROWS)
    source.run(SWAP)
    task.cutover()
    _mend(
        task,
        "ALTER SEQUENCE public.sa RENAME TO sa_dms_pg;",
        "ALTER SEQUENCE public.sb RENAME TO sa;",
        "ALTER SEQUENCE public.sa_dms_pg RENAME TO sb;",
    )
    _ends(task, a=1001, b=11)


def test_names_that_change_places_while_nobody_works(
    mover: Mover, source: Database, target: Database
) -> None:
    """The next worker knows from its predecessor which is which."""
    task = mover.ready_with(source, target, TWO, ROWS)
    mover.close()
    source.run(SWAP)
    task.backend.tasks.restart(task.where)
    _mend(
        task,
        "ALTER SEQUENCE public.sb RENAME TO sb_dms_pg;",
        "ALTER SEQUENCE public.sa RENAME TO sb;",
        "ALTER SEQUENCE public.sb_dms_pg RENAME TO sa;",
    )
    task.finish()
    _ends(task, a=1001, b=11)


def test_a_new_one_takes_the_name_of_a_serial(
    mover: Mover, source: Database, target: Database
) -> None:
    """Nobody is told to give the serial's sequence the type of the new one."""
    task = mover.ready_with(source, target, SERIAL, MANY)
    source.run("ALTER SEQUENCE a_id_seq RENAME TO a_old; CREATE SEQUENCE a_id_seq START 7")
    task.cutover()
    _mend(task, "ALTER SEQUENCE public.a_id_seq RENAME TO a_old;")
    _ends(task, a=1001)
    assert _told(task, "SequenceNotCarried") == ["public.a_id_seq"]


def test_the_target_was_there_first(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, TWO, ROWS)
    for database in (target, source):
        database.run(SWAP)
    task.finish()
    _ends(task, a=1001, b=11)
    assert not _told(task, "SequenceNotCarried") + _told(task, "TargetSequenceGone")


def test_names_of_the_targets_own(mover: Mover, source: Database, target: Database) -> None:
    """Where they never were the same, a new one is nobody's business; the value still comes."""
    task = mover.ready_with(
        source, target, SERIAL, MANY, target_schema=f"{SERIAL} ALTER SEQUENCE a_id_seq RENAME TO n"
    )
    source.run("ALTER SEQUENCE a_id_seq RENAME TO a_old; CREATE SEQUENCE n START 7")
    task.finish()
    _ends(task, a=1001)
    assert _told(task, "SequenceNotCarried") == ["public.n"]


def test_of_a_selected_table_that_has_another_name(
    mover: Mover, source: Database, target: Database
) -> None:
    task = mover.ready_with(source, target, TWO, ROWS, tables=["public.a"])
    for database in (source, target):
        database.run("ALTER TABLE a RENAME TO c")
    source.run("INSERT INTO c (v) VALUES ('y')")
    task.finish()
    _ends(task, c=1002)


def test_with_a_schema_of_another_name(mover: Mover, source: Database, target: Database) -> None:
    """Sequences go with their schema or table; what is left is said once those are there."""
    task = mover.ready_with(
        source, target,
        "CREATE SCHEMA s; CREATE SEQUENCE s.free; CREATE TABLE a (id serial PRIMARY KEY, v text);"
        "CREATE TABLE s.b (id int PRIMARY KEY DEFAULT nextval('s.free'), v text);",
        ROWS.replace("INTO b", "INTO s.b"),
    )  # fmt: skip
    source.run(
        "ALTER SCHEMA s RENAME TO t; ALTER SEQUENCE t.free SET SCHEMA public;"
        "ALTER TABLE a SET SCHEMA t"
    )
    task.cutover()
    _mend(task, "ALTER SCHEMA s RENAME TO t;", "ALTER TABLE public.a SET SCHEMA t;")
    _mend(task, "ALTER SEQUENCE t.free SET SCHEMA public;")
    task.reach("COMPLETE")
    target.run("SET search_path = t")
    assert target.value(NEW.format("t.a")) == 1001
    assert target.value(NEW.format("t.b")) == 11


def test_one_that_is_gone_from_the_target(mover: Mover, source: Database, target: Database) -> None:
    task = mover.ready_with(source, target, TWO, ROWS)
    target.run("DROP SEQUENCE sa CASCADE")
    task.finish()
    assert _told(task, "TargetSequenceGone") == ["public.sa"]


def test_at_the_last_moment(source: Database, target: Database) -> None:
    """Nothing is set by a name that means another one since the plan was made."""
    for database in (source, target):
        database.run(TWO)
    source.run(ROWS)
    for change in (SWAP, "ALTER SEQUENCE sa RENAME TO sa2"):
        plan = planned(source, target)
        source.run(change)
        with (
            session(source) as here,
            session(target) as there,
            pytest.raises(GoOnError, match="looking at them again"),
        ):
            copy_sequences(here, there, plan)
    assert target.value("SELECT is_called FROM sa") is False


@pytest.mark.parametrize("other", ["a_id_seq_old", "a_before"])
def test_a_column_that_owns_two(
    mover: Mover, source: Database, target: Database, other: str
) -> None:
    spare = f"{SERIAL} CREATE SEQUENCE {other} OWNED BY a.id;"
    task = mover.ready_with(source, target, spare, MANY + f"SELECT setval('{other}', 7);")
    task.finish()
    _ends(task, a=1001)
    assert target.value(f"SELECT last_value FROM {other}") == 7
    assert "SequenceMissing" not in {each["code"] for each in task.findings()}
