"""The statements that make a type or a sequence of the source on the target. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azext_dms_pg.postgres.quoting import identifier, literal, qualified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azext_dms_pg.engine.drift.facts import MadeSequence, UserType
    from azext_dms_pg.postgres.relations import Name
    from azext_dms_pg.postgres.survey import EnumType

_BITS = {"smallint": 15, "integer": 31, "bigint": 63}


def create_type(made: UserType, enums: Mapping[Name, EnumType]) -> str:
    """Empty for what comes with another: arrays with their element, multiranges with a range."""
    name = qualified(made.name)
    text = ""
    if made.extension:
        schema = identifier(made.name.schema)
        text = f"CREATE EXTENSION {identifier(made.extension)} SCHEMA {schema};"
    elif made.kind == "e":
        labels = ", ".join(literal(label) for label in enums[made.name].labels)
        text = f"CREATE TYPE {name} AS ENUM ({labels});"
    elif made.kind == "c":
        fields = ", ".join(field(*each) for each in made.fields)
        text = f"CREATE TYPE {name} AS ({fields});"
    elif made.kind == "d":
        text = _create_domain(made)
    elif made.kind == "r":
        text = f"CREATE TYPE {name} AS RANGE (subtype = {made.subtype});"
    elif made.kind == "b" and not made.parts:
        text = f"-- The target has no type {name}: install what brings it on the source."
    return text


def field(name: str, type_name: str, collation: str | None) -> str:
    """An attribute of a composite type as it is declared."""
    return f"{identifier(name)} {type_name}" + (f" COLLATE {collation}" if collation else "")


def _create_domain(made: UserType) -> str:
    parts = [f"CREATE DOMAIN {qualified(made.name)} AS {made.base}"]
    if made.collation:
        parts.append(f"COLLATE {made.collation}")
    if made.default is not None:
        parts.append(f"DEFAULT {made.default}")
    parts += [f"CONSTRAINT {identifier(name)} {definition}" for name, definition in made.checks]
    if made.not_null:
        parts.append("NOT NULL")
    return " ".join(parts) + ";"


def create_sequence(name: Name, made: MadeSequence | None) -> str:
    """:param made: None when the source is too old to tell: all its sequences are bigint."""
    kind = f" AS {made.type_name}" if made and made.type_name != "bigint" else ""
    return f"CREATE SEQUENCE {qualified(name)}{kind}{sequence_options(made)};"


def sequence_options(made: MadeSequence | None) -> str:
    """What differs from the defaults of such a sequence, with a blank before each."""
    if made is None:
        return ""
    up = made.increment > 0
    bits = _BITS.get(made.type_name, 63)
    lowest, highest = (1, 2**bits - 1) if up else (-(2**bits), -1)
    options = {
        "INCREMENT BY": (made.increment, 1),
        "MINVALUE": (made.minimum, lowest),
        "MAXVALUE": (made.maximum, highest),
        "START WITH": (made.start, made.minimum if up else made.maximum),
        "CACHE": (made.cache, 1),
    }
    text = "".join(f" {word} {value}" for word, (value, usual) in options.items() if value != usual)
    return text + (" CYCLE" if made.cycle else "")
