"""Lines for ``pg_hba.conf`` on the source, for the addresses a service connects from. Pure."""

from __future__ import annotations

import ipaddress
import socket

_PROBES = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def lines(address: str, user: str) -> list[str]:
    """One line for ordinary connections and one for replication.

    The tutorial's own lines say ``/10`` and ``md5``: that lets in four million addresses, and a
    hash that PostgreSQL 14 and later no longer make by default.
    """
    network = ipaddress.ip_network(address, strict=False)
    return [
        f"host    {database:<12}{user:<12}{network}    scram-sha-256"
        for database in ("all", "replication")
    ]


def own_addresses() -> list[str]:
    """The addresses this machine sends from; asks the routing table, sends nothing."""
    found = []
    for family, probe in _PROBES:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect((probe, 9))
            except OSError:
                continue  # no route of this family
            found.append(sock.getsockname()[0])
    return found or ["127.0.0.1"]
