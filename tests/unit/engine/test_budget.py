from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from azext_dms_pg.engine.load.budget import Budget
from azext_dms_pg.errors import Interrupted

HOLDER = """
import sys, time
from pathlib import Path
from azext_dms_pg.engine.load.budget import Budget
with Budget(Path(sys.argv[1]), 1).slot(lambda: False):
    print("held", flush=True)
    time.sleep(600)
"""


def never() -> bool:
    return False


def test_no_more_holders_than_slots(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "slots", 3)
    lock = threading.Lock()
    now = most = 0

    def work() -> None:
        nonlocal now, most
        with budget.slot(never):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with lock:
                now -= 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        budget = Budget(tmp_path, 1)
        with pytest.raises(Interrupted), budget.slot(lambda: True):
            pass
        holder.kill()
        holder.wait()
        with budget.slot(never):
            pass


def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    budget = Budget(tmp_path, 1)
    with budget.slot(never), pytest.raises(Interrupted), budget.slot(lambda: True):
        pass


def test_an_error_lets_go(tmp_path: Path) -> None:
    budget = Budget(tmp_path, 1)
    with pytest.raises(RuntimeError), budget.slot(never):
        raise RuntimeError
    with budget.slot(never):
        pass


def test_the_rate_is_shared(tmp_path: Path) -> None:
    """Two spenders of 100 kB each at 400 kB/s need at least half a second less the burst."""
    throttles = [Budget(tmp_path, 1).throttle(400_000, never) for _ in range(2)]
    started = time.monotonic()

    def spend(number: int) -> None:
        for _ in range(10):
            throttles[number].spend(10_000)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started >= 0.2


def test_no_rate_is_no_limit(tmp_path: Path) -> None:
    throttle = Budget(tmp_path, 1).throttle(0, never)
    throttle.spend(1 << 60)


def test_a_stop_ends_the_keeping_to_a_rate(tmp_path: Path) -> None:
    throttle = Budget(tmp_path, 1).throttle(1, lambda: True)
    with pytest.raises(Interrupted):
        throttle.spend(1_000)


def test_a_promise_from_a_clock_gone_wrong_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "rate-1000").write_bytes(b"\x7f" * 8)
    Budget(tmp_path, 1).throttle(1000, never).spend(1)


def test_the_directory_is_private(tmp_path: Path) -> None:
    Budget(tmp_path / "slots", 1)
    assert (tmp_path / "slots").stat().st_mode & 0o077 == 0
