"""The old extension ``dms-preview``, when it is installed beside this one.

Of two extensions that define one command, ``az`` takes the alphabetically last: ``dms-preview``
wins over ``dms-pg`` for project create, task create and task cancel, and fails on today's core.
"""

from __future__ import annotations

from pathlib import Path

from knack.log import get_logger

NAME = "dms-preview"


def warn_if_installed() -> None:
    from azure.cli.core.extension import get_extension_path

    path = get_extension_path(NAME)
    if path is not None and Path(path).is_dir():
        get_logger(__name__).warning(
            "The extension %s is installed, too. It replaces project create, task create and"
            " task cancel of dms-pg and does not work with this version of azure-cli. Remove it"
            " with: az extension remove -n %s",
            NAME,
            NAME,
        )
