"""The statements that bring the target's enum types in line with the source's. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.postgres.quoting import literal, qualified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import Survey


def type_steps(source: Survey, target: Survey, used: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Statements with their reasons.

    :param used: types of the columns concerned, as ``format_type`` names them. An enum the target
        lacks is only missed when it is among them; labels are compared for every enum both have,
        since a column may hold it by way of an array, a domain or a composite.
    """
    for name, enum in source.enums.items():
        there = target.enums.get(name)
        if there is not None:
            yield from label_steps(name, enum.labels, there.labels)
        elif {qualified(name), f"{qualified(name)}[]"} & used:
            labels = ", ".join(literal(label) for label in enum.labels)
            yield (
                f"CREATE TYPE {qualified(name)} AS ENUM ({labels});",
                f"type {name} is new on the source",
            )


def label_steps(
    name: Name, here: tuple[str, ...], there: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """ADD VALUE, or RENAME VALUE where one label stands in the place of another."""
    if len(here) == len(there):
        pairs = [(old, new) for new, old in zip(here, there, strict=True) if new != old]
        if all(old not in here and new not in there for old, new in pairs):
            for old, new in pairs:
                yield (
                    f"ALTER TYPE {qualified(name)} RENAME VALUE {literal(old)} TO {literal(new)};",
                    f"label {old} of {name} is {new} on the source now",
                )
            return
    present = set(there)
    for position, label in enumerate(here):
        if label in present:
            continue
        place = _place(here, position, present)
        yield (
            f"ALTER TYPE {qualified(name)} ADD VALUE {literal(label)}{place};",
            f"type {name} has the new label {label} on the source",
        )
        present.add(label)


def _place(here: tuple[str, ...], position: int, present: set[str]) -> str:
    after = next((other for other in here[position + 1 :] if other in present), None)
    if after is not None:
        return f" BEFORE {literal(after)}"
    if position > 0:
        # All labels before this one are there by now: the statements run in order.
        return f" AFTER {literal(here[position - 1])}"
    return ""
