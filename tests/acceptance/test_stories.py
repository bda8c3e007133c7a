"""Every story of scenarios/ plays back from its recording, with no login but the stand-in's.

The requests must be exactly those of the recording, bodies included, each one once; stories
recorded with plain core prove that the extension sends what core sends.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.tutorial import Pair
from tests.support import stories
from tests.support.arm import recording
from tests.support.arm.recording import Player
from tests.support.arm.server import Server
from tests.support.azcli import Az
from tests.support.stories import Story

pytestmark = pytest.mark.acceptance

STORIES = stories.all_stories()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story_plays_back(story: Story, arm_server: Server, signed_in: Az, tmp_path: Path) -> None:
    player = Player(recording.load(story.recording))
    arm_server.brain = player
    stories.run(story, signed_in, story.values, tmp_path)
    # Core does not look at a subnet before it makes a service; the extension does, and goes on
    # when it may not.
    extra = [
        missed
        for missed in player.missed
        if not (story.by_core and "/providers/Microsoft.Network/" in missed)
    ]
    assert extra == []
    assert player.unused == []


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_recording_is_labelled_and_holds_no_secret(story: Story) -> None:
    text = story.recording.read_text(encoding="utf-8")
    assert "\n# Made against " in text
    assert "canary" not in text


def test_the_tutorial_runs_unchanged_on_this_machine(
    dvdrental: Pair, signed_out: Az, tmp_path: Path
) -> None:
    """The very steps that play back against Azure, done for real by the local engine."""
    story = stories.load(stories.ROOT / "tutorial")
    source, target = dvdrental.source, dvdrental.target
    values = {
        "CREATE": "-l local",
        "LOCATION": "local",
        "SOURCE_DATABASE": source.name,
        "SOURCE_PASSWORD": source.server.password,
        "SOURCE_PORT": str(source.server.port),
        "SOURCE_SERVER": source.server.host,
        "SOURCE_USER": source.server.superuser,
        "TARGET_DATABASE": target.name,
        "TARGET_PASSWORD": target.server.password,
        "TARGET_PORT": str(target.server.port),
        "TARGET_SERVER": target.server.host,
        "TARGET_USER": target.server.superuser,
    }
    assert set(values) == set(story.values)
    stories.run(story, signed_out, values, tmp_path)
    report = dvdrental.report()
    assert report.clean, report.text
