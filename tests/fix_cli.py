"""The wheel, built and installed once a run by the real ``az extension add``.

``az`` has a configuration of the test's own; workers it starts end with the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import processes, wheel
from tests.support.azcli import Az


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AZURE_EXTENSION_DIR with the wheel in it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base  # xdist: one for all
    return wheel.installed(shared / "wheel")


@pytest.fixture
def az(extensions: Path, tmp_path: Path) -> Iterator[Az]:
    """The installed extension, with a state directory of the test's own."""
    made = Az(tmp_path / "az", with_extension=False)
    made.extensions = extensions
    yield made
    processes.end_all_naming(made.config)
