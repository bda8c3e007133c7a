"""What is kept of a plan in the target's bookkeeping, as JSON, for a resume to go by.

Everything else of a plan is made anew from the catalogues each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azext_dms_pg.engine.values import Begun, Loaded, Membership, Numbering, Place
from azext_dms_pg.postgres.publication import Published
from azext_dms_pg.postgres.relations import Name

if TYPE_CHECKING:
    from azext_dms_pg.engine.values import Plan


@dataclass(frozen=True)
class Memory:
    """The tables a migration began with, and the plugin its slot has.

    What has a default was not kept by earlier versions.
    """

    plugin: str
    tables: tuple[Begun, ...]
    empty_roots: tuple[Name, ...] = ()
    loaded: dict[int, Loaded] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()
    membership: Membership = field(default_factory=Membership)


def remember(plan: Plan) -> str:
    """JSON text of what ``recall`` needs."""
    return written(
        Memory(
            plugin=plan.plugin,
            tables=plan.begun,
            empty_roots=plan.empty_roots,
            loaded=plan.loaded,
            accepted=plan.accepted,
            membership=plan.membership,
        )
    )


def written(memory: Memory) -> str:
    """The JSON text that ``recall`` reads."""
    tables = [
        {
            "oid": table.oid,
            "name": [table.name.schema, table.name.name],
            "label": [table.label.schema, table.label.name],
            "columns": [[number, *column] for number, column in table.columns.items()],
            "goal": table.goal,
            "goal_columns": table.goal_columns,
            "common": sorted(table.common),
            "identity": table.identity,
            "formulas": list(table.formulas.items()),
            "goal_formulas": list(table.goal_formulas.items()),
        }
        for table in memory.tables
    ]
    loaded = [
        {
            "oid": oid,
            "file": table.file,
            "types": list(table.types.items()),
            "generated": sorted(table.generated),
            "sparse_until": table.sparse_until,
        }
        for oid, table in memory.loaded.items()
    ]
    return json.dumps(
        {
            "plugin": memory.plugin,
            "tables": tables,
            "empty_roots": [[root.schema, root.name] for root in memory.empty_roots],
            "loaded": loaded,
            "accepted": memory.accepted,
            "membership": _plain(memory.membership),
        }
    )


def recall(text: str) -> Memory:
    kept = json.loads(text)
    return Memory(
        plugin=kept["plugin"],
        tables=tuple(
            Begun(
                oid=table["oid"],
                name=Name(*table["name"]),
                label=Name(*table["label"]),
                columns={number: (name, type_) for number, name, type_ in table["columns"]},
                goal=table.get("goal", 0),
                goal_columns=table.get("goal_columns", {}),
                common=frozenset(table.get("common", ())),
                identity=tuple(table.get("identity", ())),
                formulas=dict(table.get("formulas", ())),
                goal_formulas=dict(table.get("goal_formulas", ())),
            )
            for table in kept["tables"]
        ),
        empty_roots=tuple(Name(*root) for root in kept.get("empty_roots", ())),
        loaded={
            table["oid"]: Loaded(
                file=table["file"],
                types=dict(table["types"]),
                generated=frozenset(table["generated"]),
                sparse_until=table.get("sparse_until", 0),
            )
            for table in kept.get("loaded", ())
        },
        accepted=tuple(kept.get("accepted", ())),
        membership=_membership(kept.get("membership", {})),
    )


def _plain(membership: Membership) -> dict[str, Any]:
    published, sequences = membership.published, membership.sequences
    definitions = membership.definitions
    return {
        "places": [
            {
                "oid": oid,
                "name": [place.name.schema, place.name.name],
                "label": [place.label.schema, place.label.name],
                "above": place.above,
                "condition": place.condition,
                "goal": place.goal,
                "alone": place.alone,
            }
            for oid, place in membership.places.items()
        ],
        "published": None
        if published is None
        else {**vars(published), "tables": list(published.tables.items())},
        "sequences": None
        if sequences is None
        else [[oid, each.goal, each.namesake] for oid, each in sequences.items()],
        "definitions": None if definitions is None else sorted(definitions),
    }


def _membership(kept: dict[str, Any]) -> Membership:
    published, sequences = kept.get("published"), kept.get("sequences")
    definitions = kept.get("definitions")
    return Membership(
        places={
            place["oid"]: Place(
                name=Name(*place["name"]),
                label=Name(*place["label"]),
                above=tuple((oid, xmin) for oid, xmin in place["above"]),
                condition=place["condition"],
                goal=place["goal"],
                alone=place["alone"],
            )
            for place in kept.get("places", ())
        },
        published=None
        if published is None
        else Published(**{**published, "tables": dict(published["tables"])}),
        sequences=None
        if sequences is None
        # A task begun by an earlier build kept OIDs alone.
        else dict(
            (each, Numbering()) if isinstance(each, int) else (each[0], Numbering(*each[1:]))
            for each in sequences
        ),
        definitions=None if definitions is None else frozenset(definitions),
    )
