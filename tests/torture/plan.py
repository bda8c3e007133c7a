"""What a seed does: drawn from one random generator, so that the same seed does the same.

Owns the choice; knows the faults by name and moment only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.torture import catalog
from tests.torture.ddl.kinds import KINDS
from tests.torture.shapes import MIXES, SHAPES

MOMENTS = ("validating", "preparing", "loading", "building", "streaming", "ready", "cutover")
# Source and target version; the usual pair most of the time.
# A command of az's takes a second or two, a whole seed six or seven of them.
_TYPED = 0.12
_PAIRS = ((17, 18), (17, 18), (17, 18), (14, 17), (16, 18))


# Shares of the seeds whose task has several databases, and whose schemas change meanwhile.
_SEVERAL, _CHANGING = 0.25, 0.4
# What cannot be followed is drawn by itself: it is the end.
_REFUSED = 0.2


@dataclass(frozen=True)
class Strike:
    """One fault at one moment.

    :param delay: seconds after the moment was seen.
    :param hold: keep the moment from passing by a lock on the target meanwhile.
    :param victims: the databases it is done to, or whose moment it is if it is done to all.
    """

    moment: str
    fault: str
    delay: float
    hold: bool
    victims: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        held = " held" if self.hold else ""
        whom = f" of {self.victims}" if self.victims != (0,) else ""
        return f"{self.fault} at {self.moment}{held} +{self.delay:.2f}s{whom}"


@dataclass(frozen=True)
class Tract:
    """One database of the task.

    :param ddl: what is done to its schema meanwhile, by name.
    :param refused: the schema change after which it cannot be migrated.
    """

    mix: tuple[str, ...]
    ddl: tuple[str, ...] = ()
    refused: str = ""

    @property
    def changes(self) -> bool:
        """Whether its schema does."""
        return bool(self.ddl or self.refused)

    def __str__(self) -> str:
        steps = "; ".join((*self.ddl, *([f"{self.refused}!"] if self.refused else [])))
        return "+".join(self.mix) + (f" [{steps}]" if steps else "")


@dataclass(frozen=True)
class Plan:
    """Everything a seed decides.

    :param typed: orders are given by the real ``az`` rather than through the backend's objects.
    :param one_by_one: databases are cut over each with an order of its own.
    """

    seed: int
    pair: tuple[int, int]
    tracts: tuple[Tract, ...]
    strikes: tuple[Strike, ...]
    ending: str
    writers: int
    settings: dict[str, str]
    source_settings: dict[str, str]
    backlog: bool
    typed: bool
    one_by_one: bool = False

    @property
    def kinds(self) -> set[str]:
        """What is done to the task as a whole, for the summary."""
        several = {f"{len(self.tracts)} databases"} if len(self.tracts) > 1 else set()
        ddl = {"DDL"} if any(tract.changes for tract in self.tracts) else set()
        return (several | ddl) or {"one database"}

    def __str__(self) -> str:
        strikes = ", then ".join(str(strike) for strike in self.strikes)
        settings = {**self.settings, **self.source_settings}
        chosen = " ".join(f"{name}={value}" for name, value in settings.items())
        flags = f"{' backlog' if self.backlog else ''}{' az' if self.typed else ''}"
        flags += " one by one" if self.one_by_one else ""
        return (
            f"{self.pair[0]}->{self.pair[1]} {', '.join(map(str, self.tracts))}"
            f" writers={self.writers}"
            f"{flags} {chosen} | {strikes} | {self.ending}"
        )


def draw(seed: int, allowed: frozenset[str]) -> Plan:
    """The plan of a seed.

    :param allowed: faults this machine can do (a full disk needs root).
    """
    random = Random(f"torture {seed}")
    pair = random.choice(_PAIRS)
    mix = random.choice(
        [mix for mix in MIXES if all(SHAPES[name].since <= min(pair) for name in mix)]
    )
    ending = "cancel" if random.random() < 0.15 else "cutover"
    strikes = _strikes(random, ending, allowed)
    if any(catalog.FAULTS[strike.fault].terminal for strike in strikes):
        ending = "failed"
    settings = {
        "maxRate": random.choice(["256kB", "512kB", "1MB"]),
        "parallelTables": random.choice(["1", "2", "4"]),
    }
    if random.random() < 0.3:
        settings["batchChanges"] = random.choice(["20", "100", "500"])
    if random.random() < 0.2:
        settings["partBytes"] = "1MB"
    if random.random() < 0.2:
        settings["binary"] = "false"
    if random.random() < 0.15:
        settings["deferIndexes"] = "false"
    # The package of version 16 ships no contrib, test_decoding with it.
    forced = random.random() < 0.15 and pair[0] != 16
    source_settings = {"plugin": "test_decoding"} if forced else {}
    plan = Plan(
        seed,
        pair,
        (Tract(mix),),
        strikes,
        ending,
        random.choice([1, 2, 3]),
        settings,
        source_settings,
        random.random() < 0.3,
        # Last, so that everything else stays what it was for a seed.
        random.random() < _TYPED,
    )
    return _widened(plan, Random(f"torture wider {seed}"))


def _widened(plan: Plan, random: Random) -> Plan:
    """With more databases and changes of their schemas, or as it is."""
    several = random.random() < _SEVERAL
    # That one takes the slots of all databases.
    if several and all(strike.fault != "slot invalidated" for strike in plan.strikes):
        plan = _several(plan, random)
    if random.random() < _CHANGING:
        plan = _changing(plan, random)
    return plan


def _several(plan: Plan, random: Random) -> Plan:
    count = random.choice([2, 2, 3])
    mixes = [mix for mix in MIXES if all(SHAPES[name].since <= min(plan.pair) for name in mix)]
    tracts = (*plan.tracts, *(Tract(random.choice(mixes)) for _ in range(count - 1)))
    strikes = []
    for strike in plan.strikes:
        entry = catalog.FAULTS[strike.fault]
        most = 1 if entry.one or not entry.alone else random.choice([1, 1, count])
        victims = tuple(sorted(random.sample(range(count), most)))
        strikes.append(replace(strike, victims=victims))
    return replace(
        plan, tracts=tracts, strikes=tuple(strikes), one_by_one=random.random() < 0.5, writers=1
    )


def _changing(plan: Plan, random: Random) -> Plan:
    """At least one database's schema changes; one of them perhaps beyond following."""
    follows = [name for name, kind in KINDS.items() if not kind.codes]
    weights = [KINDS[name].weight for name in follows]
    certain = random.randrange(len(plan.tracts))
    tracts = [
        replace(tract, ddl=_once(random.choices(follows, weights, k=random.randint(1, 6)), plan))
        if number == certain or random.random() < 0.3
        else tract
        for number, tract in enumerate(plan.tracts)
    ]
    strikes = tuple(strike for strike in plan.strikes if strike.moment != "cutover")
    if plan.ending == "cutover" and strikes and random.random() < _REFUSED:
        refused = random.choice(
            [
                name
                for name, kind in KINDS.items()
                if kind.codes
                and kind.plugin in {"", plan.source_settings.get("plugin", "pgoutput")}
            ]
        )
        tracts[certain] = replace(tracts[certain], refused=refused)
        plan = replace(plan, ending="refused", strikes=strikes)
    return replace(plan, tracts=tuple(tracts))


def _once(ddl: list[str], plan: Plan) -> tuple[str, ...]:
    """Of a table renamed twice, nothing in test_decoding's stream tells the name in between."""
    first = ddl.index("rename table") if "rename table" in ddl and plan.source_settings else -1
    return tuple(
        name for at, name in enumerate(ddl) if first < 0 or at == first or name != "rename table"
    )


def _strikes(random: Random, ending: str, allowed: frozenset[str]) -> tuple[Strike, ...]:
    moments = [*MOMENTS[:-1], "cancelling"] if ending == "cancel" else list(MOMENTS)
    count = random.choices([1, 2, 3], [60, 30, 10])[0]
    chosen = sorted(random.choices(moments, k=count), key=moments.index)
    strikes: list[Strike] = []
    for moment in chosen:
        possible = {
            name: entry.weight
            for name in sorted(allowed)
            if moment in (entry := catalog.FAULTS[name]).moments and not (strikes and entry.first)
        }
        name = random.choices(list(possible), list(possible.values()))[0]
        hold = moment in catalog.HOLDABLE and random.random() < 0.6
        delay = random.uniform(0, catalog.SPREAD.get(moment, 0.5))
        strikes.append(Strike(moment, name, delay, hold))
        if catalog.FAULTS[name].terminal:
            break
    return tuple(strikes)
