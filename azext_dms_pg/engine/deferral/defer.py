"""Taking away: finds what stands in the way, saves its definition and drops or disables it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg import sql
from psycopg.rows import namedtuple_row

from azext_dms_pg.engine.deferral import ledger
from azext_dms_pg.engine.deferral.ledger import Deferred, Listed
from azext_dms_pg.postgres.boundary import translated
from azext_dms_pg.postgres.relations import Name, RelKind
from azext_dms_pg.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Collection

    import psycopg

    from azext_dms_pg.engine.values import Plan
    from azext_dms_pg.model.settings import MigrationSettings

# Building indexes after the load pays from here on (performance.md: 1.8 times at 465 MB);
# below, dropping and creating costs more than it saves.
_LARGE_BYTES = 16 << 20
# Objects dropped in one transaction: each holds locks on a table and its indexes, and the
# server's lock table has room for about 64 a connection.
_BATCH = 100
# A session of somebody else that keeps a table locked makes the step fail, to be tried again,
# instead of queueing everybody behind our request.
_LOCK_TIMEOUT = "20s"

# Which triggers and rules fire for our statements, by pg_trigger.tgenabled: in the replica role
# those marked REPLICA and ALWAYS, otherwise the ordinary ones and ALWAYS.
_FIRING = {True: ["R", "A"], False: ["O", "A"]}
_ENABLE = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}
_PARTITIONED_NOT_VALID = 180000

# Objects that go away with one statement: recorded together, or a crash would forget one.
Unit: TypeAlias = "tuple[Deferred, ...]"


def defer(
    connection: psycopg.Connection[Any],
    plan: Plan,
    migration_id: str,
    settings: MigrationSettings,
) -> None:
    """Take away foreign keys, firing triggers and rules, and indexes of large tables.

    And constraints that are NOT VALID: the load writes old rows, which need not satisfy them.
    Needs the bookkeeping installed. What is away already stays away.
    """
    defer_constraints(connection, plan, migration_id)
    with translated("target", "preparing the tables"):
        _take_away(connection, migration_id, _finder(connection, plan).unchecked())
    if settings.defer_indexes:
        # Only now: an index a foreign key relies on can't go before that key.
        large = [
            route.target.oid
            for route in plan.routes
            if route.source.bytes >= _LARGE_BYTES and route.target.kind is RelKind.TABLE
        ]
        with translated("target", "preparing the tables"):
            _take_away(connection, migration_id, _finder(connection, plan).indexes(large))


def defer_constraints(connection: psycopg.Connection[Any], plan: Plan, migration_id: str) -> None:
    """Take away foreign keys, firing triggers and rules; again, if a cutover brought them back."""
    finder = _finder(connection, plan)
    with translated("target", "preparing the tables"):
        _take_away(connection, migration_id, finder.foreign_keys())
        _take_away(connection, migration_id, finder.triggers())
        _take_away(connection, migration_id, finder.rules())


def defer_keys(
    connection: psycopg.Connection[Any], tables: Collection[int], migration_id: str
) -> None:
    """Take away foreign keys from and to these tables: TRUNCATE refuses a table others refer to."""
    finder = _Finder(connection, tables)
    with translated("target", "emptying the tables"):
        _take_away(connection, migration_id, finder.foreign_keys())


def _take_away(connection: psycopg.Connection[Any], migration_id: str, units: list[Unit]) -> None:
    for start in range(0, len(units), _BATCH):
        batch = [item for unit in units[start : start + _BATCH] for item in unit]
        with connection.transaction():
            connection.execute(
                sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT))
            )
            ledger.record(connection, migration_id, batch)
            # One round trip: without parameters the server takes several statements at once.
            script = ";".join(item.drop for item in batch if item.drop)
            connection.execute(script.encode())


def _finder(connection: psycopg.Connection[Any], plan: Plan) -> _Finder:
    tables = {route.target.oid for route in plan.routes}
    return _Finder(connection, tables, replica_role=plan.replica_role)


class _Finder:
    def __init__(
        self,
        connection: psycopg.Connection[Any],
        tables: Collection[int],
        *,
        replica_role: bool = False,
    ) -> None:
        self._connection = connection
        self._parameters: dict[str, Any] = {
            "tables": sorted(tables),
            "states": _FIRING[replica_role],
        }
        (found,) = self._rows("family")
        self._parameters["family"] = found[0] or []

    def foreign_keys(self) -> list[Unit]:
        return [(self._foreign_key(row),) for row in self._rows("foreign_keys")]

    def unchecked(self) -> list[Unit]:
        return [(self._unchecked(row),) for row in self._rows("unchecked")]

    def triggers(self) -> list[Unit]:
        return [(self._switch(row, ledger.TRIGGER, "TRIGGER"),) for row in self._rows("triggers")]

    def rules(self) -> list[Unit]:
        return [(self._switch(row, ledger.RULE, "RULE"),) for row in self._rows("rules")]

    def indexes(self, large: list[int]) -> list[Unit]:
        self._parameters["large"] = large
        return [self._index(row) for row in self._rows("indexes")]

    def _foreign_key(self, row: Any) -> Deferred:
        # Before 18 a partitioned table's key can't be added NOT VALID: it is checked at once.
        whole = row.partitioned and self._connection.info.server_version < _PARTITIONED_NOT_VALID
        later = row.validated and row.enforced and not whole
        table = _alter(row, only=not row.partitioned)
        definition = sql.SQL(row.definition + (" NOT VALID" if later else ""))
        key = self._added(ledger.FOREIGN_KEY, row, table, definition)
        states = (self._text(_trigger_states(row)),) if row.triggers else ()
        validate = sql.SQL("{} VALIDATE CONSTRAINT {}").format(table, sql.Identifier(row.name))
        return replace(
            key,
            create=key.create + states,
            validate=self._text(validate) if later else None,
            columns=tuple(Listed(*column) for column in row.columns),
        )

    def _unchecked(self, row: Any) -> Deferred:
        # Never ONLY: what children and partitions inherited goes and comes with it. The definition
        # says itself that it is NOT VALID.
        table = _alter(row, only=False)
        return self._added(ledger.UNCHECKED, row, table, sql.SQL(row.definition))

    def _switch(self, row: Any, kind: str, word: str) -> Deferred:
        # ONLY: a parent's switch would throw those of its partitions too, which may differ.
        table = _alter(row, only=True)
        name = sql.Identifier(row.name)
        return Deferred(
            kind=kind,
            table=Name(row.schema, row.relation),
            name=row.name,
            drop=self._text(sql.SQL("{} DISABLE {} {}").format(table, sql.SQL(word), name)),
            create=(
                self._text(
                    sql.SQL("{} {} {} {}").format(
                        table, sql.SQL(_ENABLE[row.enabled]), sql.SQL(word), name
                    )
                ),
            ),
        )

    def _index(self, row: Any) -> Unit:
        """The index, and the constraint it carries as a second item.

        Two items because building indexes side by side shares a lock that attaching them as
        constraints needs alone: in one transaction two of them would deadlock.
        """
        index = sql.Identifier(row.schema, row.name)
        create = [row.definition]
        if row.comment is not None:
            create.append(
                self._text(
                    sql.SQL("COMMENT ON INDEX {} IS {}").format(index, sql.Literal(row.comment))
                )
            )
        item = Deferred(
            kind=ledger.INDEX,
            table=Name(row.schema, row.relation),
            name=row.name,
            drop=self._text(sql.SQL("DROP INDEX {}").format(index)),
            create=tuple(create),
        )
        if row.constraint_name is None:
            return (item,)
        # The index goes with the constraint.
        return (self._constraint(row), replace(item, drop=""))

    def _constraint(self, row: Any) -> Deferred:
        words = "PRIMARY KEY" if row.constraint_type == "p" else "UNIQUE"
        timing = " DEFERRABLE" if row.deferrable else ""
        timing += " INITIALLY DEFERRED" if row.deferred else ""
        definition = sql.SQL("{} USING INDEX {}{}").format(
            sql.SQL(words), sql.Identifier(row.name), sql.SQL(timing)
        )
        # The row is the index's: the constraint has a name and a comment of its own.
        own = row._replace(name=row.constraint_name, comment=row.constraint_comment)
        return self._added(ledger.CONSTRAINT, own, _alter(row, only=True), definition)

    def _added(
        self, kind: str, row: Any, table: sql.Composable, definition: sql.Composable
    ) -> Deferred:
        """A constraint, which comes back with the comment it had.

        :param row: its name and comment, and where it stands.
        :param table: the beginning of ALTER TABLE.
        """
        name = sql.Identifier(row.name)
        create = [sql.SQL("{} ADD CONSTRAINT {} {}").format(table, name, definition)]
        if row.comment is not None:
            on = sql.Identifier(row.schema, row.relation)
            create.append(
                sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(
                    name, on, sql.Literal(row.comment)
                )
            )
        return Deferred(
            kind=kind,
            table=Name(row.schema, row.relation),
            name=row.name,
            drop=self._text(sql.SQL("{} DROP CONSTRAINT {}").format(table, name)),
            create=tuple(self._text(step) for step in create),
        )

    def _rows(self, name: str) -> list[Any]:
        version = self._connection.info.server_version
        cursor = self._connection.cursor(row_factory=namedtuple_row)
        return list(cursor.execute(statement("deferral", name, version), self._parameters))

    def _text(self, composed: sql.Composable) -> str:
        return composed.as_string(self._connection)


def _alter(row: Any, *, only: bool) -> sql.Composed:
    return sql.SQL("ALTER TABLE {}{}").format(
        sql.SQL("ONLY " if only else ""), sql.Identifier(row.schema, row.relation)
    )


def _trigger_states(row: Any) -> sql.Composed:
    """A block that sets the states of a key's own triggers, whose names are new each time.

    The table is the same, whatever it is called by then.
    """
    states = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(sql.Literal(function), sql.Literal(_ENABLE[enabled]))
        for function, enabled in (state.split(" ") for state in row.triggers)
    )
    block = sql.SQL(
        "DECLARE t record; BEGIN FOR t IN SELECT g.tgrelid::regclass AS relation, g.tgname, s.state"
        " FROM pg_trigger g JOIN pg_constraint k ON k.oid = g.tgconstraint"
        " JOIN (VALUES {}) AS s (function, state) ON s.function::regproc = g.tgfoid"
        " WHERE k.conrelid = {} AND k.conname = {} LOOP"
        " EXECUTE format('ALTER TABLE ONLY %s %s TRIGGER %I', t.relation, t.state, t.tgname);"
        " END LOOP; END"
    ).format(states, sql.Literal(row.oid), sql.Literal(row.name))
    return sql.SQL("DO LANGUAGE plpgsql {}").format(sql.Literal(block.as_string()))
