"""A network that cuts, stalls, swallows words, and loses the reply to a COMMIT."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from tests.torture.case import Case


def cut_source(case: Case) -> bool:
    return case.source_proxy.cut(reset=case.random.random() < 0.3) > 0


def cut_target(case: Case) -> bool:
    return case.target_proxy.cut(reset=case.random.random() < 0.3) > 0


def reset_both(case: Case) -> bool:
    return case.source_proxy.cut(reset=True) + case.target_proxy.cut(reset=True) > 0


def network_gone(case: Case) -> bool:
    proxies = case.random.choice(
        [[case.source_proxy], [case.target_proxy], [case.source_proxy, case.target_proxy]]
    )
    for proxy in proxies:
        proxy.refuse()
        proxy.cut()
    time.sleep(case.random.uniform(0.5, 2.5))
    for proxy in proxies:
        proxy.resume()
    return True


def stall(case: Case) -> bool:
    proxy = case.random.choice([case.source_proxy, case.target_proxy])
    proxy.stall()
    time.sleep(case.random.uniform(0.5, 3.0))
    proxy.resume()
    return True


def _half_open(case: Case, proxy: Proxy) -> bool:
    """The server's words vanish for a while; then the network notices and cuts."""
    proxy.half_open()
    time.sleep(case.random.uniform(0.5, 2.0))
    hit = proxy.cut() > 0
    proxy.resume()
    return hit


def half_open_source(case: Case) -> bool:
    return _half_open(case, case.source_proxy)


def half_open_target(case: Case) -> bool:
    return _half_open(case, case.target_proxy)


def lose_commit(case: Case) -> bool:
    proxy = case.target_proxy
    before = proxy.dropped_commits
    times = case.random.choice([1, 1, 2, 3])
    proxy.drop_commit_reply(times)
    deadline = time.monotonic() + 4.0
    while proxy.dropped_commits < before + times and time.monotonic() < deadline:
        time.sleep(0.02)
    return proxy.dropped_commits > before
