"""Where psycopg's exceptions end: turns them into ``ServerError`` for a block of statements."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from azext_dms_pg.postgres.sqlstate import translate

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def translated(side: str, doing: str = "") -> Iterator[None]:
    """Raise ``ServerError`` instead of any psycopg error.

    :param side: ``source`` or ``target``.
    :param doing: for the message: "restoring foreign keys".
    """
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, side, doing) from error
