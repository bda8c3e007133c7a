"""Several databases in one task, cut over one by one or all at once."""

from __future__ import annotations

import pytest

from tests.acceptance.tutorial import CHANGES, Pair, Tutorial, database_state, pair, tables
from tests.fix_postgres import MakeDatabase
from tests.support.servers import Server

pytestmark = pytest.mark.acceptance


@pytest.fixture
def three(make_database: MakeDatabase, source_server: Server, target_server: Server) -> list[Pair]:
    return [pair(make_database(source_server), make_database(target_server)) for _ in range(3)]


def test_one_is_cut_over_while_the_others_go_on(tutorial: Tutorial, three: list[Pair]) -> None:
    first, *rest = three
    tutorial.create(*three)
    for each in three:
        tutorial.until("READY_TO_COMPLETE", database=each.source.name)
    for each in three:
        each.source.run(CHANGES)
    tutorial.cutover(first.source.name.upper())
    shown = tutorial.until("COMPLETE", database=first.source.name)
    assert shown["state"] == "Running"
    for each in rest:
        assert database_state(shown, each.source.name) == "READY_TO_COMPLETE"
        each.source.run("INSERT INTO actor (name) VALUES ('late')")

    tutorial.cutover()  # all that are left
    for each in rest:
        shown = tutorial.until("COMPLETE", database=each.source.name)
    assert tutorial.until("Succeeded")
    for each in three:
        report = each.report()
        assert report.clean, report.text


def test_an_unknown_database_is_refused_by_name(tutorial: Tutorial, dvdrental: Pair) -> None:
    tutorial.create(dvdrental)
    tutorial.until("READY_TO_COMPLETE")
    said = tutorial.refused(
        "az dms project task cutover -g PostgresDemo --service-name PostgresCLI"
        " --project-name PGMigration -n runnowtask --object-name nosuchdb"
    )
    assert "nosuchdb" in said
    assert dvdrental.source.name in said


def test_selected_tables_only(tutorial: Tutorial, dvdrental: Pair) -> None:
    options = [
        {
            "name": dvdrental.source.name,
            "target_database_name": dvdrental.target.name,
            "selectedTables": ["public.actor", "public.log"],
        }
    ]
    tutorial.create(dvdrental, options=options)
    shown = tutorial.until("READY_TO_COMPLETE")
    assert set(tables(shown)) == {"public.actor", "public.log"}
    assert dvdrental.target.value('SELECT count(*) FROM "Film"') == 0
    assert dvdrental.target.value("SELECT count(*) FROM actor") == 200
