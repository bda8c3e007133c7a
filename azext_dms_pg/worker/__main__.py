"""``python -m azext_dms_pg.worker TASK``: the processes that do a local task's work.

Without ``--database`` this is the supervisor of a task; with it, the worker of one database.
Nothing secret is ever among the arguments: passwords come from the vault.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from azext_dms_pg.errors import DmsPgError
from azext_dms_pg.state.paths import StateDir
from azext_dms_pg.worker import TRY_AGAIN


def main() -> int:
    parser = argparse.ArgumentParser(prog="azext_dms_pg.worker", description=__doc__)
    parser.add_argument("task", help="id of the task in the local store")
    parser.add_argument("--state-dir", required=True, type=Path)
    parser.add_argument("--database", type=int, help="ordinal of the database to migrate")
    parser.add_argument("--ready-fd", type=int, help="written to once the lock is held")
    parser.add_argument("--parent-fd", type=int, help="reaches its end when the parent dies")
    arguments = parser.parse_args()
    os.umask(0o077)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(process)d %(message)s",
        stream=sys.stderr,
    )
    directory = StateDir(arguments.state_dir)
    try:
        if arguments.database is None:
            from azext_dms_pg.worker.supervisor import supervise

            return supervise(directory, arguments.task, arguments.ready_fd)
        from azext_dms_pg.worker.database import work

        return work(directory, arguments.task, arguments.database, arguments.parent_fd)
    except DmsPgError as error:
        # No traceback: a deliberate error says all there is to say, and stacks may hold row data.
        logging.getLogger("azext_dms_pg").error("%s %s", error.message, error.action)  # noqa: TRY400
        return TRY_AGAIN if error.code == "WorkerAlreadyRunning" else 1


if __name__ == "__main__":
    sys.exit(main())
