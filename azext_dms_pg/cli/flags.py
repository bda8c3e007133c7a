"""Options that not every project or service understands: refused, never silently left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azext_dms_pg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.cli.platforms import Pair

#: Options of local services, with what to do instead on Azure.
_INSTEAD = {
    "--validate-only": "The service checks each task itself; see the network with `az dms network"
    " check`.",
    "--migrate-schema": "Create the schema on the target yourself: pg_dump -s … | psql …",
    "--make-source-read-only": "Run on the source: ALTER DATABASE … SET"
    " default_transaction_read_only = on; and end the sessions that write.",
}


def only_for_postgresql(pair: Pair, given: Mapping[str, Any]) -> None:
    """:raises InputError: any was given for a project of another platform; names each."""
    names = _named(given)
    if names:
        raise InputError(
            f"{', '.join(names)}: only for PostgreSQL, but the project migrates {pair}.",
            "Leave out what is named; the connections and databases of this project are given"
            " with --source-connection-json, --target-connection-json and"
            " --database-options-json. Nothing was done.",
        )


def only_for_local(given: Mapping[str, Any]) -> None:
    """:raises InputError: any was given for a service on Azure; names each."""
    names = _named(given)
    if names:
        raise InputError(
            f"{', '.join(names)}: only for services made with -l local.",
            " ".join(_INSTEAD[name] for name in names),
        )


def _named(given: Mapping[str, Any]) -> list[str]:
    return [name for name, value in given.items() if value is not None and value is not False]
