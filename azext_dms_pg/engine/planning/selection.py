"""Which source tables are meant: from ``selectedTables`` as users write them to leaf tables.

Pure. Names that can't be resolved are values here; preflight reports them all at once, and
planning refuses them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from azext_dms_pg.postgres.relations import Name, Relation, RelKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from azext_dms_pg.postgres.survey import Survey

# Relations that hold rows, each with the name the user is told about.
Leaves: TypeAlias = "tuple[tuple[Relation, Name], ...]"

_DEFAULT_SCHEMA = "public"
# One part of a name: "quoted, with "" for a quote" or bare.
_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True)
class Unresolved:
    """A name that means no table, or more than one.

    :param candidates: tables the user may have meant.
    """

    text: str
    reason: str
    candidates: tuple[Name, ...] = ()


@dataclass(frozen=True)
class Selection:
    """The tables to migrate.

    :param leaves: relations that hold rows, each with the name the user is told about.
    :param skipped: tables that were asked for but hold no row that could be streamed.
    :param everything: no list was given.
    :param empty_roots: partitioned tables (the topmost chosen) that have no partition yet.
    """

    leaves: Leaves
    skipped: tuple[Relation, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    everything: bool = False
    empty_roots: tuple[Relation, ...] = ()


def select(survey: Survey, wanted: tuple[str, ...] | None) -> Selection:
    """Resolve the names; None means every table of the user."""
    chosen: list[Relation] = []
    unresolved: list[Unresolved] = []
    if wanted is None:
        chosen = [
            relation for relation in survey.relations if not survey.detail(relation).extension
        ]
    else:
        known = _Known(survey.relations)
        for text in wanted:
            found = known.find(text)
            if isinstance(found, Unresolved):
                unresolved.append(found)
            else:
                chosen.append(found)
    leaves, skipped = _expand(survey, chosen)
    return Selection(
        leaves=leaves,
        skipped=skipped,
        unresolved=tuple(unresolved),
        everything=wanted is None,
        empty_roots=_empty_roots(chosen, leaves),
    )


def spellings(text: str) -> Iterator[Name]:
    """Every way to read ``text`` as schema and table, the likeliest first.

    ``a.b`` is schema a, table b; ``a`` is public.a; ``a.b.c`` may be either half; quoted parts
    are taken as they are.
    """
    text = text.strip()
    parts = _parts(text)
    if parts is None:
        parts = [part for part in text.split(".") if part]
    for cut in range(1, len(parts)):
        yield Name(".".join(parts[:cut]), ".".join(parts[cut:]))
    if parts:
        yield Name(_DEFAULT_SCHEMA, ".".join(parts))


def _parts(text: str) -> list[str] | None:
    parts = []
    at = 0
    while True:
        found = _PART.match(text, at)
        if found is None:
            return None
        quoted, bare = found.groups()
        parts.append(bare.strip() if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if at == len(text):
            return parts
        if text[at] != ".":
            return None
        at += 1


class _Known:
    def __init__(self, relations: Iterable[Relation]) -> None:
        self._exact = {relation.name: relation for relation in relations}
        self._folded: dict[Name, list[Relation]] = defaultdict(list)
        self._by_table: dict[str, list[Name]] = defaultdict(list)
        for relation in self._exact.values():
            self._folded[_fold(relation.name)].append(relation)
            self._by_table[relation.name.name.lower()].append(relation.name)

    def find(self, text: str) -> Relation | Unresolved:
        names = list(spellings(text))
        for name in names:
            if name in self._exact:
                return self._exact[name]
        for name in names:
            found = self._folded.get(_fold(name), [])
            if len(found) == 1:
                return found[0]
            if found:
                return Unresolved(
                    text,
                    "it means several tables when upper and lower case are not told apart",
                    tuple(relation.name for relation in found),
                )
        candidates = {other for name in names for other in self._by_table[name.name.lower()]}
        return Unresolved(text, "the source has no such table", tuple(sorted(candidates)))


def _fold(name: Name) -> Name:
    return Name(name.schema.lower(), name.name.lower())


def _empty_roots(chosen: list[Relation], leaves: Leaves) -> tuple[Relation, ...]:
    names = {relation.name for relation in chosen}
    labels = {label for _, label in leaves}
    return tuple(
        relation
        for relation in chosen
        if relation.kind is RelKind.PARTITIONED
        and relation.name not in labels
        and names.isdisjoint(relation.ancestors)
    )


def _expand(survey: Survey, chosen: list[Relation]) -> tuple[Leaves, tuple[Relation, ...]]:
    """Partitioned tables become their leaves, labelled with the topmost table chosen."""
    names = {relation.name for relation in chosen}
    leaves = []
    skipped = []
    for relation in survey.relations:
        covering = [name for name in (relation.name, *relation.ancestors) if name in names]
        if relation.kind is not RelKind.TABLE or not covering:
            continue
        if relation.persistence == "p":
            leaves.append((relation, covering[-1]))
        else:
            skipped.append(relation)
    leaves.sort(key=lambda leaf: (leaf[1], leaf[0].name))
    return tuple(leaves), tuple(skipped)
