"""What a seed does: drawn from one random generator, so that the same seed does the same.

Owns the choice; knows the faults by name and moment only.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.torture import catalog
from tests.torture.shapes import MIXES, SHAPES

MOMENTS = ("validating", "preparing", "loading", "building", "streaming", "ready", "cutover")
# Source and target version; the usual pair most of the time.
# A command of az's takes a second or two, a whole seed six or seven of them.
_TYPED = 0.12
_PAIRS = ((17, 18), (17, 18), (17, 18), (14, 17), (16, 18))


@dataclass(frozen=True)
class Strike:
    """One fault at one moment.

    :param delay: seconds after the moment was seen.
    :param hold: keep the moment from passing by a lock on the target meanwhile.
    """

    moment: str
    fault: str
    delay: float
    hold: bool

    def __str__(self) -> str:
        held = " held" if self.hold else ""
        return f"{self.fault} at {self.moment}{held} +{self.delay:.2f}s"


@dataclass(frozen=True)
class Plan:
    """Everything a seed decides.

    :param typed: orders are given by the real ``az`` rather than through the backend's objects.
    """

    seed: int
    pair: tuple[int, int]
    mix: tuple[str, ...]
    strikes: tuple[Strike, ...]
    ending: str
    writers: int
    settings: dict[str, str]
    source_settings: dict[str, str]
    backlog: bool
    typed: bool

    def __str__(self) -> str:
        strikes = ", then ".join(str(strike) for strike in self.strikes)
        settings = {**self.settings, **self.source_settings}
        chosen = " ".join(f"{name}={value}" for name, value in settings.items())
        flags = f"{' backlog' if self.backlog else ''}{' az' if self.typed else ''}"
        return (
            f"{self.pair[0]}->{self.pair[1]} {'+'.join(self.mix)} writers={self.writers}"
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
    return Plan(
        seed,
        pair,
        mix,
        strikes,
        ending,
        random.choice([1, 2, 3]),
        settings,
        source_settings,
        random.random() < 0.3,
        # Last, so that everything else stays what it was for a seed.
        random.random() < _TYPED,
    )


def _strikes(random: Random, ending: str, allowed: frozenset[str]) -> tuple[Strike, ...]:
    moments = [*MOMENTS[:-1], "cancelling"] if ending == "cancel" else list(MOMENTS)
    count = random.choices([1, 2, 3], [60, 30, 10])[0]
    chosen = sorted(random.choices(moments, k=count), key=moments.index)
    strikes = []
    for moment in chosen:
        faults = [name for name in sorted(allowed) if moment in catalog.FAULTS[name].moments]
        weights = [catalog.FAULTS[name].weight for name in faults]
        name = random.choices(faults, weights)[0]
        hold = moment in catalog.HOLDABLE and random.random() < 0.6
        delay = random.uniform(0, catalog.SPREAD.get(moment, 0.5))
        strikes.append(Strike(moment, name, delay, hold))
        if catalog.FAULTS[name].terminal:
            break
    return tuple(strikes)
