"""What a person gets wrong: files, passwords, tables that are not there."""

from __future__ import annotations

import pytest

from tests.acceptance.tutorial import PROJECT, Pair, Tutorial
from tests.support import oracle

pytestmark = pytest.mark.acceptance

# As printed in the tutorial, the stray line included.
TUTORIAL_SOURCE = """{
            "userName": "postgres",
            "password": null,
        be prompted
            "serverName": "13.51.14.222",
            "databaseName": "dvdrental",
            "port": 5432
        }
"""


def test_without_terminal_or_password_the_variable_is_named(
    tutorial: Tutorial, dvdrental: Pair
) -> None:
    said = tutorial.refused(tutorial.create_command(tutorial.files(dvdrental)))
    assert "AZEXT_DMS_PG_SOURCE_PASSWORD" in said
    assert tutorial.dms(f"az dms project task list {PROJECT}") == []


def test_the_stray_line_of_the_tutorial_is_pointed_at(tutorial: Tutorial, dvdrental: Pair) -> None:
    command = tutorial.create_command(tutorial.files(dvdrental))
    (tutorial.directory / "source.json").write_text(TUTORIAL_SOURCE)
    said = tutorial.refused(command, **tutorial.passwords(dvdrental))
    assert "line 4" in said
    assert "column" in said


def test_a_wrong_password_is_told_and_nothing_was_created(
    tutorial: Tutorial, dvdrental: Pair
) -> None:
    wrong = "not the p4ssword"
    environment = tutorial.passwords(dvdrental) | {"AZEXT_DMS_PG_SOURCE_PASSWORD": wrong}
    command = tutorial.create_command(tutorial.files(dvdrental))
    done = tutorial.type(command, **environment)
    said = done.err
    if done.code == 0:  # found by the worker rather than by the command
        shown = tutorial.until("Failed", "FailedInputValidation")
        said = str(shown)
    assert "password" in said
    assert wrong not in said
    assert oracle.source_leftovers(dvdrental.source) == []
    assert oracle.target_leftovers(dvdrental.target) == []


def test_a_missing_table_stops_the_task_before_anything_is_created(
    tutorial: Tutorial, dvdrental: Pair
) -> None:
    dvdrental.target.run('DROP TABLE "Film"')
    command = tutorial.create_command(tutorial.files(dvdrental))
    tutorial.type(command, **tutorial.passwords(dvdrental))
    shown = tutorial.until("FailedInputValidation", "VALIDATION_FAILED")
    assert "Film" in str(shown["output"])
    assert oracle.source_leftovers(dvdrental.source) == []
    assert oracle.target_leftovers(dvdrental.target) == []

    # The user mends it and tries again, under the same name.
    dvdrental.source.run('DROP TABLE "Film"')
    tutorial.delete()
    tutorial.create(dvdrental)
    tutorial.until("READY_TO_COMPLETE")
