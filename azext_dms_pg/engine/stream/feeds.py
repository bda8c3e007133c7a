"""From a plugin's messages to changes of planned tables: one feed a plugin.

Owns which table of the stream is which route, and which layout it has at this point. Decoding is
``postgres/``'s, keeping transactions together the assembler's.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

from azext_dms_pg.engine.changes.batch import Change, Emptied
from azext_dms_pg.engine.changes.interpret import make_change
from azext_dms_pg.engine.changes.layout import Layout, Matching, Operation
from azext_dms_pg.engine.changes.past import unclear
from azext_dms_pg.engine.faults import BinaryImpossibleError
from azext_dms_pg.errors import ProtocolError
from azext_dms_pg.postgres import pgoutput, test_decoding
from azext_dms_pg.postgres.changes import (
    NULL,
    Begin,
    Commit,
    LogicalMessage,
    StreamColumn,
    StreamRelation,
    Truncate,
)
from azext_dms_pg.postgres.encodings import to_utf8
from azext_dms_pg.postgres.rowcode import RowReader, row_reader
from azext_dms_pg.postgres.test_decoding import TextChange, TextColumn
from azext_dms_pg.postgres.tuples import TupleReader
from azext_dms_pg.postgres.walsender import (
    COPY_DATA,
    FRAME,
    PAYLOAD,
    XLOG_DATA,
    frame_of,
    header,
    xlog_data,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from azext_dms_pg.engine.changes.layouts import Layouts
    from azext_dms_pg.engine.stream.assembler import Assembler
    from azext_dms_pg.engine.values import Plan, Route
    from azext_dms_pg.postgres.changes import Fields
    from azext_dms_pg.postgres.relations import Name

_TABLE = b"table "  # only these messages hold the user's text
_FIRST_USER_OID = 16384
_NAME_OID = 19
# A row change is its kind, its relation, the kind of its first tuple; then that tuple. In front
# of it stand what CopyData and XLogData begin with; one look at all of it costs least.
_LOOK = struct.Struct(f">BIB{PAYLOAD - 1}x6s")
_OID = slice(PAYLOAD + 1, PAYLOAD + 5)
_PLAIN = ((pgoutput.INSERT, Operation.INSERT), (pgoutput.UPDATE, Operation.UPDATE))
_ROWS = frozenset((pgoutput.INSERT, pgoutput.UPDATE, pgoutput.DELETE))
_CONTENT = FRAME + PAYLOAD
_NEW = bytes([pgoutput.NEW])


class Feed(Protocol):
    """Understands one plugin."""

    ignored: set[Name]
    """Tables seen in the stream that are not part of the migration."""

    def options(self, publication: str) -> dict[str, str]:
        """For START_REPLICATION."""
        ...

    def take(self, data: bytes, at: int) -> int:
        """Pass on to the assembler what the XLogData messages from ``at`` on hold.

        :returns: where the first message begins that is another one, or not whole.
        :raises MigrationError: malformed, or the table no longer fits.
        """
        ...


class _Opened(NamedTuple):
    """A table whose rows are coming."""

    layout: Layout
    reader: TupleReader


class PgoutputFeed:
    """The pgoutput plugin, protocol version 1."""

    def __init__(self, plan: Plan, layouts: Layouts, assembler: Assembler) -> None:
        self._plan = plan
        self._layouts = layouts
        self._assembler = assembler
        self._routes = {route.source.oid: route for route in plan.routes}
        self._relations: dict[int, StreamRelation] = {}
        self._open: dict[bytes, _Opened] = {}
        # By the head of a row change: reads it if it is plain and leaves the key alone.
        self._plain: dict[bytes, RowReader] = {}
        self._changes: list[Change] | None = None
        self._strangers: set[int] = set()
        self.ignored: set[Name] = set()

    def options(self, publication: str) -> dict[str, str]:
        name = publication.replace('"', '""')
        options = {"proto_version": "1", "publication_names": f'"{name}"'}
        if self._plan.binary_stream:
            options["binary"] = "true"
        if self._plan.source_version >= 140000:  # noqa: PLR2004 - first with these options
            options["messages"] = "true"
        return options

    def take(self, data: bytes, at: int) -> int:
        changes, readers, look = self._changes, self._plain, _LOOK.unpack_from
        assembler = self._assembler
        end = len(data)
        last = end - _LOOK.size
        while at <= last:
            message, size, frame_kind, head = look(data, at)
            stop = at + 1 + size
            if frame_kind != XLOG_DATA or message != COPY_DATA or stop > end:
                return at
            # Nearly every change is plain; everything else is read with care.
            if changes is not None and (reader := readers.get(head)) is not None:
                change = reader(data, at, stop)
                if change is not None:
                    changes.append(change)
                    at = stop
                    continue
            kind = head[0]
            if kind == pgoutput.BEGIN:
                changes = assembler.begin(*pgoutput.begin(data, at + _CONTENT, stop))
                self._changes = changes
            elif kind == pgoutput.COMMIT:
                self._changes = changes = None
                assembler.commit(*pgoutput.commit(data, at + _CONTENT, stop))
            else:
                self._other(frame_of(data, at, stop), kind)
            at = stop
        return at

    def _other(self, frame: bytes, kind: int) -> None:
        if kind in _ROWS:
            self._row(frame)
        elif kind == pgoutput.RELATION:
            self._relation(pgoutput.relation(frame, PAYLOAD))
        elif kind == pgoutput.TRUNCATE:
            self._truncate(pgoutput.truncate(frame, PAYLOAD))
        elif kind == pgoutput.MESSAGE:
            self._assembler.message(pgoutput.message(frame, PAYLOAD))
        elif kind not in (pgoutput.TYPE, pgoutput.ORIGIN):
            raise pgoutput.unexpected(frame, PAYLOAD)

    def _relation(self, relation: StreamRelation) -> None:
        """Note it; whether it fits is asked when a change needs it."""
        self._relations[relation.oid] = relation
        self._close(relation.oid.to_bytes(4, "big"))
        if relation.oid not in self._routes:
            self.ignored.add(relation.name)

    def _row(self, frame: bytes) -> None:
        changes = self._changes
        if changes is None:
            self._assembler.expect_transaction()
            return
        opened = self._open.get(frame[_OID])
        if opened is None:
            opened = self._fit(pgoutput.oid_of(frame, PAYLOAD))
            if opened is None:
                return
        try:
            change = pgoutput.row_change(frame, PAYLOAD, opened.reader)
        except ProtocolError as error:
            if error.code == "MixedFormats" and self._plan.binary_stream:
                raise BinaryImpossibleError(error.message) from None
            raise
        layout = opened.layout
        changes.append(
            make_change(
                layout,
                change.old if change.old is None else layout.picked(change.old),
                change.new if change.new is None else layout.picked(change.new),
                insert=change.operation == pgoutput.INSERT,
                old_is_key=change.old_is_key,
            )
        )

    def _fit(self, oid: int) -> _Opened | None:
        route = self._routes.get(oid)
        relation = self._relations.get(oid)
        if route is None:
            if relation is not None and oid not in self._strangers:
                self._layouts.refuse_newcomer(oid, relation.name)
                self._strangers.add(oid)
            return None
        if relation is None:
            raise ProtocolError(
                f"The source sent a row of {route.label} before describing the table.",
                "Restart the task; report this with the server's version if it comes again.",
            )
        layout = self._layouts.fit(relation, route)
        # Only built-in types are sure to be sent as wide as they are stored (an enum is not).
        known = {
            (column.name, column.type_oid): column.width
            for column in route.source.columns
            if column.type_oid < _FIRST_USER_OID and column.type_oid != _NAME_OID
        }
        widths = tuple(known.get((column.name, column.type_oid), -1) for column in relation.columns)
        key = oid.to_bytes(4, "big")
        if layout.binary:
            picks = layout.picks or range(len(relation.columns))
            for kind, operation in _PLAIN:
                if kind == pgoutput.INSERT or layout.matching is Matching.KEY:
                    self._plain[bytes([kind]) + key + _NEW] = row_reader(
                        widths, picks, layout.key, _LOOK.size, layout.effects[operation]
                    )
        opened = self._open[key] = _Opened(layout, TupleReader(len(widths), binary=layout.binary))
        return opened

    def _close(self, key: bytes) -> None:
        """The table may look different from here on."""
        self._open.pop(key, None)
        for kind, _ in _PLAIN:
            self._plain.pop(bytes([kind]) + key + _NEW, None)

    def _truncate(self, truncate: Truncate) -> None:
        if self._changes is None:
            return
        oids = [oid for oid in truncate.relations if isinstance(oid, int)]
        routes = tuple(route for oid in oids if (route := self._routes.get(oid)) is not None)
        if routes:
            self._changes.append((Emptied(routes), b"", b""))


class TextFeed:
    """The test_decoding plugin, which knows no publication and describes every row anew."""

    def __init__(self, plan: Plan, layouts: Layouts, assembler: Assembler) -> None:
        self._layouts = layouts
        self._assembler = assembler
        self._by_oid = {route.source.oid: route for route in plan.routes}
        # A backlog may be older than a renaming, and speaks of the table as it was called then.
        self._routes: dict[Name, Route | None] = {
            begun.name: self._by_oid[begun.oid] for begun in plan.begun if begun.oid in self._by_oid
        }
        self._routes.update({route.source.name: route for route in plan.routes})
        self._current: dict[int, Layout] = {}
        self._by_key: dict[tuple[Layout, frozenset[str]], Layout] = {}
        self._to_utf8 = to_utf8(plan.source_encoding)
        self.ignored: set[Name] = set()

    def options(self, publication: str) -> dict[str, str]:
        del publication
        return {"include-xids": "1", "include-timestamp": "1", "skip-empty-xacts": "0"}

    def take(self, data: bytes, at: int) -> int:
        while (found := xlog_data(data, at)) is not None:
            frame, at = found
            self._take(frame)
        return at

    def _take(self, frame: bytes) -> None:
        payload = frame[PAYLOAD:]
        if self._to_utf8 is not None and payload.startswith(_TABLE):
            payload = self._to_utf8(payload)
        event = test_decoding.parse(payload, header(frame).start)
        if isinstance(event, TextChange):
            self._row(event)
        elif isinstance(event, Begin):
            self._changes = self._assembler.begin(*event)
        elif isinstance(event, Commit):
            self._changes = None
            self._assembler.commit(*event)
        elif isinstance(event, LogicalMessage):
            self._assembler.message(event)
        else:
            named = [name for name in event.relations if not isinstance(name, int)]
            found = [route for name in named if (route := self._route(name)) is not None]
            if found and self._changes is not None:
                self._changes.append((Emptied(tuple(found)), b"", b""))

    def _route(self, name: Name) -> Route | None:
        """The route of a table by its name of today or of when the migration began."""
        if name not in self._routes:
            oid = self._layouts.source_oid(name) or 0
            self._routes[name] = self._by_oid.get(oid)
            if self._routes[name] is None and oid:
                self._layouts.refuse_newcomer(oid, name)
        route = self._routes[name]
        if route is None:
            self.ignored.add(name)
        return route

    def _row(self, change: TextChange) -> None:
        if self._changes is None:
            self._assembler.expect_transaction()
            return
        route = self._route(change.relation)
        if route is None:
            return
        layout = self._layout(route, change)
        old = None if change.old is None else _arranged(layout, change.old)
        new = None if change.new is None else _arranged(layout, change.new)
        # What an old key leaves out is NULL or not part of the key; only a whole row tells which.
        self._changes.append(
            make_change(
                layout, old, new, insert=change.operation == "INSERT", old_is_key=bool(layout.key)
            )
        )

    def _layout(self, route: Route, change: TextChange) -> Layout:
        layout = self._current.get(route.source.oid)
        names: tuple[str, ...] | None = None
        recent: Collection[str] = ()
        if change.new is not None:
            names = tuple(column.name for column in change.new)
            if layout is not None and layout.recent:
                layout = None  # it was a guess
        elif layout is None or not _names(change.old) <= {
            column.name for column in layout.relation.columns
        }:
            names = self._names_then(route, change.old or [])
            recent = self._recent(route)
        if layout is None or (
            names is not None and names != tuple(each.name for each in layout.relation.columns)
        ):
            layout = self._layouts.fit(
                _described(change.relation, names or ()), route, recent=recent
            )
            self._current[route.source.oid] = layout
        if change.old is None or not layout.key:
            return layout
        written = _names(change.old)
        if written >= {layout.stream_names[at] for at in layout.key}:
            return layout
        # The replica identity was changed: find rows by what it writes now (hazard 3).
        found = self._by_key.get((layout, written))
        if found is None:
            found = self._layouts.fit(layout.relation, route, tuple(sorted(written)))
            self._by_key[layout, written] = found
        return found

    def _names_then(self, route: Route, old: list[TextColumn]) -> tuple[str, ...]:
        """Today's columns; those it writes as it calls them, for it may be older than a rename."""
        today = {column.number: column.name for column in route.source.columns}
        written = [column.name for column in old if column.name not in today.values()]
        begun = self._layouts.numbers_begun(route)
        called = today | {begun[name]: name for name in written if name in begun}
        between = [name for name in written if name not in begun]
        # Names of neither now nor then. The identity, as long as it is the same, is written whole
        # and in the order of its numbers; all others only matter if the key is among them.
        identity = self._layouts.identity_throughout(route)
        nameless = [at for at in identity if called.get(at) not in _names(old)]
        if between and len(nameless) == len(between):
            called |= dict(zip(nameless, between, strict=True))
        key = {called[at] for at, name in today.items() if name in route.key}
        if between and not key <= _names(old):
            raise unclear(between[0], route.label)
        return tuple(called[number] for number in today)

    def _recent(self, route: Route) -> frozenset[str]:
        """Columns that came since the migration began."""
        begun = self._layouts.numbers_begun(route).values()
        return frozenset(each.name for each in route.source.columns if each.number not in begun)


def _names(columns: list[TextColumn] | None) -> frozenset[str]:
    return frozenset(column.name for column in columns or ())


def _described(name: Name, columns: tuple[str, ...]) -> StreamRelation:
    described = tuple(StreamColumn(column, 0, -1, "", identifies=False) for column in columns)
    return StreamRelation(0, name, None, described)


def _arranged(layout: Layout, columns: list[TextColumn]) -> Fields:
    """Fields in the layout's order; what was not printed is NULL."""
    by_name = {column.name: column.field for column in columns}
    return [by_name.get(name, NULL) for name in layout.stream_names]
