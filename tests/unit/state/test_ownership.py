"""A state directory that somebody else had a hand in is refused, and nothing of it is touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from azext_dms_pg.errors import StateError
from azext_dms_pg.model.connection import Connection, Secret
from azext_dms_pg.model.task_input import DatabaseInput, TaskInput
from azext_dms_pg.state import locks, paths, vault
from azext_dms_pg.state.log import LogReader
from azext_dms_pg.state.paths import StateDir
from azext_dms_pg.state.store import Store

SIDE = Connection("h", "u", Secret("canary"))
TASK = TaskInput(SIDE, SIDE, (DatabaseInput("a", "b"),))
STRANGER = 54321


@pytest.fixture(autouse=True)
def lax_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def directory(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "config" / "dms-pg")
    Store(made).close()
    vault.keep(made, "t", TASK)
    made.log.joinpath("t.log").write_text("a\n")
    made.run.joinpath("t.lock").write_text("1\n")
    return made


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _open(directory: StateDir) -> None:
    Store(directory).close()


USES: dict[str, Callable[[StateDir], object]] = {
    "state.db": _open,
    "state.db-wal": _open,
    "state.db-shm": _open,
    "state.db-journal": _open,
    "vault/key": lambda directory: vault.keep(directory, "new", TASK),
    "vault/t": lambda directory: vault.restore(directory, "t", TASK),
    "run/t.lock": lambda directory: locks.Lock(directory.run / "t.lock"),
    "log/t.log": lambda directory: LogReader(directory, "t").newest(None),
}


@pytest.mark.parametrize("name", USES)
def test_a_link_is_not_followed(directory: StateDir, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(Fernet.generate_key())
    precious.chmod(0o644)
    before = precious.read_bytes()
    (directory.root / name).unlink(missing_ok=True)
    (directory.root / name).symlink_to(precious)
    with pytest.raises(StateError, match=r"found a link to .*precious") as caught:
        USES[name](directory)
    assert caught.value.code == "StateNotOurs"
    assert str(directory.root / name) in caught.value.message
    assert (_mode(precious), precious.read_bytes()) == (0o644, before)


@pytest.mark.parametrize("name", USES)
def test_what_somebody_else_made_is_not_used(
    directory: StateDir, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = directory.root / name
    if not planted.exists():
        planted.write_bytes(b"")
    identity = planted.lstat().st_ino
    monkeypatch.setattr(os, "fstat", _foreign(os.fstat, identity))
    monkeypatch.setattr(os, "lstat", _foreign(os.lstat, identity))
    monkeypatch.setattr(Path, "lstat", _foreign(Path.lstat, identity))
    with pytest.raises(StateError, match=f"of user id {STRANGER}") as caught:
        USES[name](directory)
    assert caught.value.code == "StateNotOurs"


def _foreign(ask: Callable[..., os.stat_result], identity: int) -> Callable[..., os.stat_result]:
    """The answers of ``ask``, but that file belongs to a stranger."""

    def asked(*arguments: object) -> os.stat_result:
        found = ask(*arguments)
        if found.st_ino != identity:
            return found
        fields = list(found)
        fields[4] = STRANGER
        return os.stat_result(fields)

    return asked


def test_a_pipe_is_not_waited_for(directory: StateDir) -> None:
    (directory.vault / "key").unlink()
    os.mkfifo(directory.vault / "key")
    with pytest.raises(StateError, match=r"must be a file of your own, found something else"):
        vault.keep(directory, "new", TASK)


@pytest.mark.parametrize("name", ["", "vault", "run", "log"])
def test_our_own_directories_are_no_links(tmp_path: Path, name: str) -> None:
    root, elsewhere = tmp_path / "dms-pg", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    if name:
        root.mkdir(mode=0o700)
    (root / name).symlink_to(elsewhere)
    with pytest.raises(StateError, match=r"found a link to .*elsewhere") as caught:
        Store(StateDir(root))
    assert "point AZURE_CONFIG_DIR there" in caught.value.action
    assert _mode(elsewhere) == 0o755
    assert list(elsewhere.iterdir()) == []


def test_the_directory_of_az_may_be_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk" / "azure").mkdir(parents=True, mode=0o755)
    (tmp_path / "azure").symlink_to(tmp_path / "disk" / "azure")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    Store(StateDir.of_environment()).close()
    assert (tmp_path / "disk" / "azure" / "dms-pg" / "state.db").is_file()
    assert _mode(tmp_path / "disk" / "azure") == 0o755, "it is not ours to change"


def test_missing_directories_are_made_for_us_alone(tmp_path: Path) -> None:
    Store(StateDir(tmp_path / "a" / "b" / "dms-pg")).close()
    for made in ("a", "a/b", "a/b/dms-pg", "a/b/dms-pg/vault"):
        assert _mode(tmp_path / made) == 0o700


@pytest.mark.parametrize(
    ("we", "owner", "advice"),
    [
        (0, 1000, "You are root: run az as that user"),
        (1000, 0, "made by az under sudo"),
        (1000, 1001, "do not trust it"),
    ],
)
def test_the_directory_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, we: int, owner: int, advice: str
) -> None:
    """Also for root: what it made there its owner could not read, and could have set up."""
    root = tmp_path / "dms-pg"
    root.mkdir(mode=0o755)
    fields = list(root.lstat())
    fields[4] = owner
    monkeypatch.setattr(os, "geteuid", lambda: we)
    monkeypatch.setattr(Path, "lstat", lambda _path: os.stat_result(fields))
    with pytest.raises(StateError, match=rf"found one of user id {owner} \(you are {we}\)") as told:
        paths.make_private(root)
    assert advice in told.value.action
    monkeypatch.undo()
    assert _mode(root) == 0o755
