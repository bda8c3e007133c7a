"""Record docs/images/migration.svg: two servers, a shop that is open, the tutorial's commands.

.venv/bin/python -m scenarios.recording [FILE]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scenarios.demo import stage
from scenarios.demo.stage import ROOT, Stage
from scenarios.recording.picture import svg
from scenarios.recording.tape import Frame, Tape
from tests.support.azcli import Az

PICTURE = ROOT / "docs" / "images" / "migration.svg"
TITLE = "az dms: a live database moves to another server"
DESCRIPTION = (
    "A terminal: a service, a project and a task are created, a live screen shows tables being"
    " copied and then changes being applied, the database is cut over, and a comparison finds"
    " every table equal."
)
TASK = "-g PostgresDemo --service-name PostgresCLI --project-name PGMigration -n runnowtask"
# Slow enough to be watched: without it the shop's 620,000 rows are there before the screen is.
RATE = "5MB/s"


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    path.parent.mkdir(parents=True, exist_ok=True)
    with stage.directory() as directory, stage.servers() as servers:
        az = Az(directory / "az")
        with stage.set_up(directory, *servers) as scene:
            environment = {
                **scene.environment,
                "AZURE_CONFIG_DIR": str(az.config),
                "AZURE_EXTENSION_DIR": str(az.extensions),
                # az warns at `task create` that an extension has changed one of its commands.
                "AZURE_CORE_ONLY_SHOW_ERRORS": "yes",
            }
            frames = _play(Tape(directory, environment), scene)
    text = svg(frames, TITLE, DESCRIPTION, _poster(frames))
    path.write_text(text, encoding="utf-8")
    seconds = sum(frame.seconds for frame in frames)
    print(f"{path}: {len(frames)} frames, {seconds:.0f} seconds, {len(text) // 1024} kB")


def _play(tape: Tape, scene: Stage) -> list[Frame]:
    _files(scene)
    tape.say("From this machine, no login needed. The shop that uses the database stays open.", 1.5)
    tape.run("az dms create -l local -g PostgresDemo -n PostgresCLI -o table", hold=1.2)
    tape.run(
        "az dms project create -g PostgresDemo --service-name PostgresCLI -n PGMigration"
        " --source-platform PostgreSQL --target-platform AzureDbForPostgreSql -o table",
        hold=1.2,
    )
    tape.run(
        f"az dms project task create {TASK} --source-connection-json source.json"
        " --target-connection-json target.json --database-options-json option.json"
        " --migrate-schema -o table",
        hold=1.0,
    )
    tape.run(f"az dms project task watch {TASK} --until ready", hold=3.5)
    scene.shop.close()
    tape.say("The shop closes for a moment.", 1.2)
    tape.run(f"az dms project task cutover {TASK} --object-name dvdrental -o none", hold=0.5)
    tape.run(f"az dms project task watch {TASK}", hold=3.0, longest=0.8)
    tape.run(f"az dms project task compare {TASK} -o table", hold=6.0)
    return tape.frames


def _files(scene: Stage) -> None:
    for side, server in (("source", scene.source.server), ("target", scene.target.server)):
        _write(
            scene.directory / f"{side}.json",
            {
                "userName": server.superuser,
                "serverName": server.host,
                "databaseName": "postgres",
                "port": server.port,
                "encryptConnection": False,
            },
        )
    scene.target.server.create_database("dvdrental")
    options = {"name": "dvdrental", "target_database_name": "dvdrental"}
    _write(
        scene.directory / "option.json",
        [{**options, "migrationSetting": {"maxRate": RATE, "parallelTables": "3"}}],
    )


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _poster(frames: list[Frame]) -> int:
    """The last picture of the load, which shows the most at once."""
    texts = ["\n".join(_text(frame)) for frame in frames]
    loading = [index for index, text in enumerate(texts) if "rows/s" in text and "left" in text]
    return loading[len(loading) * 2 // 3] if loading else len(frames) - 1


def _text(frame: Frame) -> list[str]:
    return ["".join(character for character, _ in row) for row in frame.rows]


if __name__ == "__main__":
    main()
