"""The user at the target: reads in ``show`` what it lacks, and runs that there.

Owns: doing what the page on resuming a task says, no more. Waits a while first, as a person does.
"""

from __future__ import annotations

import contextlib
import time
from random import Random
from typing import Any

import psycopg

from tests.support.databases import Database

_BY_ITSELF = "by itself: "
# What was run stays in show until the worker has looked again, or another has come to life.
_READ_AGAIN = 20.0
_LOOKED_UP = 5.0


class Follower:
    """Follows one database's schema changes on its target."""

    def __init__(self, target: Database, random: Random) -> None:
        self._target = target
        self._random = random
        self._text = ""
        self._due = 0.0
        self._tried = False
        self._ran = float("-inf")
        self.statements: list[str] = []

    def look(self, shown: dict[str, Any], database: str) -> None:
        """Run what is shown, once it has been on the screen for a moment.

        :raises AssertionError: the target refuses the statement.
        """
        text = _statement(shown, database)
        if text != self._text:
            self._text, self._tried = text, False
            self._due = time.monotonic() + self._random.choice([0.0, 0.3, 2.0])
        if not text or time.monotonic() < self._due:
            return
        with contextlib.suppress(psycopg.OperationalError):
            self._run(text)
            self._due = time.monotonic() + _READ_AGAIN

    def _run(self, text: str) -> None:
        with self._target.connect(application_name="torture user", connect_timeout=5) as connection:
            connection.execute("SET lock_timeout = '2s'")
            again, self._tried = self._tried, True
            try:
                connection.execute(text.encode())
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                # What is shown may have been looked up just before our last statements.
                if not again and time.monotonic() - self._ran > _LOOKED_UP:
                    raise AssertionError(
                        f"the target refuses what is shown: {text}\n{error}"
                    ) from error
            else:
                self.statements.append(text)
                self._ran = time.monotonic()


def _statement(shown: dict[str, Any], database: str) -> str:
    for item in shown["output"]:
        if item["resultType"] == "DatabaseLevelErrorOutput" and item["databaseName"] == database:
            return str((item["errorMessage"] or "").partition(_BY_ITSELF)[2])
    return ""
