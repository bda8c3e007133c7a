"""Making a cluster: initdb, settings, host rules, certificates. Starting it is another's job."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import account
from tests.support.packages import Installation

Setting = str | int | float | bool

DEFAULTS: Mapping[str, Setting] = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "max_replication_slots": 20,
    "max_wal_senders": 20,
    "max_connections": 200,
    "max_prepared_transactions": 10,
    "shared_buffers": "128MB",
    "huge_pages": False,
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d %a ",
    "logging_collector": False,
}


def initialise(
    installation: Installation, home: Path, superuser: str, password: str, more: Sequence[str]
) -> None:
    """``initdb`` into ``home/data``, as the server's account."""
    secret = home / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    account.hand_over(secret)
    who = account.server_account()
    command = [str(installation.bin / "initdb"), f"--pgdata={home / 'data'}"]
    command += [f"--username={superuser}", f"--pwfile={secret}", "--auth=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync", *more]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        user=who.uid if who else None,
        group=who.gid if who else None,
    )
    secret.unlink()
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def certificates(home: Path) -> tuple[Path, dict[str, Setting]]:
    """A CA and a server certificate in ``home``: the CA's file, and the settings to use it."""
    from tests.support import certificates as authority

    files = authority.make(home)
    account.hand_over(files.key)
    return files.ca, {
        "ssl": True,
        "ssl_cert_file": str(files.certificate),
        "ssl_key_file": str(files.key),
    }


def configure(
    data: Path, settings: Mapping[str, Setting], *, fsync: bool, hba: Sequence[str]
) -> None:
    """Write postgresql.conf, and put ``hba`` before the lines of initdb."""
    durability: dict[str, Setting] = {} if fsync else {"fsync": False, "full_page_writes": False}
    lines = {**DEFAULTS, **durability, **settings}
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {_literal(value)}\n" for name, value in lines.items())
    if hba:
        path = data / "pg_hba.conf"
        path.write_text("\n".join(hba) + "\n" + path.read_text())


def _literal(value: Setting) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + value.replace("'", "''") + "'"
