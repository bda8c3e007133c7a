"""Which column types may travel in binary: a description equal on both servers exactly then.

The binary form of a value is the same on two servers when the types' send and receive functions
are. Built-in types are told by name; arrays, domains, ranges and composites by what they are made
of. Two things are never safe: forms that hold OIDs of this cluster (``regclass`` and its like),
and user types whose code may differ. Arrays and composites embed the OIDs of their element types,
so an element that is not built in must have the same OID on both sides to match.
Pure; ``catalog.py`` supplies the facts.
"""

from __future__ import annotations

from dataclasses import dataclass

# Below FirstGenbkiObjectId (access/transam.h) OIDs are assigned by hand and never change.
FIRST_UNSTABLE_OID = 10000

# Their values are OIDs of rows of this cluster's catalogues, or their input refuses everything.
_NEVER = frozenset(
    {
        "regproc",
        "regprocedure",
        "regoper",
        "regoperator",
        "regclass",
        "regtype",
        "regrole",
        "regnamespace",
        "regconfig",
        "regdictionary",
        "regcollation",
        "regdatabase",
        "pg_node_tree",
        "pg_ndistinct",
        "pg_dependencies",
        "pg_mcv_list",
        "pg_ddl_command",
        "pg_brin_bloom_summary",
        "pg_brin_minmax_multi_summary",
        "gtsvector",
        # Their receive functions refuse what the send functions make of an empty vector.
        "oidvector",
        "int2vector",
    }
)
# 9.x could be built with floating-point timestamps, whose binary form differs.
_DATETIME = frozenset({"time", "timetz", "timestamp", "timestamptz", "interval"})
_RANGES = {"r": "range", "m": "multirange"}
# Before, the receive function leaves bytes in between that make equal values unequal.
_SOUND_SINCE = {"tsvector": 11_00_00}
_NEWEST = 99_00_00
# typlen 64, but sent as text of any length.
_VARIABLE = frozenset({"name"})


@dataclass(frozen=True)
class TypeFacts:
    """One row of pg_type and what hangs on it.

    :param kind: ``typtype``: b(ase), c(omposite), d(omain), e(num), r(ange), m(ultirange).
    :param wire: it has both a send and a receive function.
    :param element: element type when this is a true array type, else 0.
    :param base: base type of a domain, else 0.
    :param subtype: subtype of a range or multirange, else 0.
    :param fields: column types of a composite.
    :param made_of: a composite's attributes with their types, a domain's base, a range's subtype,
        each with its modifier.
    """

    oid: int
    schema: str
    name: str
    kind: str
    length: int
    wire: bool
    element: int = 0
    base: int = 0
    subtype: int = 0
    fields: tuple[int, ...] = ()
    made_of: tuple[str, ...] = ()
    extension: str = ""
    extension_version: str = ""


class Types:
    """The types of one server, described on demand."""

    def __init__(
        self,
        facts: tuple[TypeFacts, ...],
        *,
        integer_datetimes: bool = True,
        version: int = _NEWEST,
    ) -> None:
        self._facts = {fact.oid: fact for fact in facts}
        self._version = version
        self._integer_datetimes = integer_datetimes
        self._described: dict[int, str | None] = {}

    def describe(self, oid: int) -> str | None:
        """The description of a type's binary form, or None when it must travel as text."""
        if oid not in self._described:
            # Guards against a catalogue that loops; a type can't contain itself.
            self._described[oid] = None
            fact = self._facts.get(oid)
            self._described[oid] = None if fact is None else self._describe(fact)
        return self._described[oid]

    def made_of(self, oid: int) -> str:
        """How this type and those it is made of were defined, where a user has done so.

        With another order, scale or base the same text is another value.
        """
        fact = self._facts.get(oid)
        if fact is None or oid < FIRST_UNSTABLE_OID:
            return ""
        own = f"{fact.name} ({', '.join(fact.made_of)})" if fact.made_of else ""
        parts = (fact.element, fact.base, fact.subtype, *fact.fields)
        below = [self.made_of(part) for part in dict.fromkeys(parts) if part]
        return "; ".join(each for each in (own, *below) if each)

    def width(self, oid: int) -> int:
        """Bytes of the binary form when they are the same for every value, else -1."""
        fact = self._facts.get(oid)
        while fact is not None and fact.base:
            fact = self._facts.get(fact.base)
        if fact is None or fact.kind != "b" or fact.oid >= FIRST_UNSTABLE_OID:
            return -1
        return fact.length if fact.length > 0 and fact.name not in _VARIABLE else -1

    def _describe(self, fact: TypeFacts) -> str | None:
        if fact.base:
            described, modified = self.describe(fact.base), "(" in "".join(fact.made_of)
            return f"{described}:{fact.made_of[0]}" if described and modified else described
        if not fact.wire:
            return None
        if fact.element:
            return _wrap("array", (self._embedded(fact.element),))
        if fact.kind == "c":
            described = _wrap("row", tuple(self._embedded(field) for field in fact.fields))
            return ":".join((described, *fact.made_of)) if described else None
        if fact.kind in _RANGES:
            return _wrap(_RANGES[fact.kind], (self.describe(fact.subtype),))
        # enum_send writes the label; a label the target lacks fails as it would in text.
        return "enum" if fact.kind == "e" else self._base(fact)

    def _base(self, fact: TypeFacts) -> str | None:
        if fact.kind != "b":
            return None
        if fact.extension:
            return f"{fact.extension}@{fact.extension_version}:{fact.name}"
        if fact.oid >= FIRST_UNSTABLE_OID or fact.schema != "pg_catalog" or fact.name in _NEVER:
            return None
        if self._version < _SOUND_SINCE.get(fact.name, 0):
            return None
        if fact.name in _DATETIME and not self._integer_datetimes:
            return f"float-{fact.name}"
        return fact.name

    def _embedded(self, oid: int) -> str | None:
        """As ``describe``, for a place where the type's OID is part of the binary form."""
        described = self.describe(oid)
        if described is None or oid < FIRST_UNSTABLE_OID:
            return described
        return f"{described}#{oid}"


def _wrap(kind: str, parts: tuple[str | None, ...]) -> str | None:
    if any(part is None for part in parts):
        return None
    return f"{kind}({','.join(part for part in parts if part is not None)})"
