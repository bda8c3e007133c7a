"""Make recordings anew against the stand-in: ``python -m tests.support.arm.rerecord [NAME …]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support import stories
from tests.support.arm import recording
from tests.support.arm.providers import Providers
from tests.support.arm.recording import Recorder
from tests.support.arm.server import Server
from tests.support.arm.standin import StandIn
from tests.support.azcli import Az


def main() -> None:
    wanted = set(sys.argv[1:])
    for story in stories.all_stories():
        if wanted and story.name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as directory:
            recorder = Recorder(StandIn(Providers()))
            server = Server(Path(directory), recorder)
            az = Az(Path(directory) / "az", with_extension=not story.by_core)
            az.login(server)
            stories.run(story, az, story.values, Path(directory))
            server.close()
        recording.save(story.recording, recorder.interactions)
        sys.stdout.write(f"{story.name}: {len(recorder.interactions)} interactions\n")


if __name__ == "__main__":
    main()
