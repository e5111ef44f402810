"""Log lines for machines, and one campaign's story read with one command."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from studio_kit import CAMPAIGN, Studio
from typer.testing import CliRunner

from property_video.cli import app
from property_video.core.errors import BadInput
from property_video.engine.home import opened_instance
from property_video.engine.log_lines import LineFile, LineStream, line_of
from property_video.engine.story import read_story

RUN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def environment(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The studio's folders, as the environment names them; its run history is a home's, as in production."""
    monkeypatch.setenv("DAGSTER_HOME", str(studio.settings.home))
    monkeypatch.setenv("PROPERTY_VIDEO_STORE", str(studio.settings.store))
    monkeypatch.setenv("PROPERTY_VIDEO_UPLOADS", str(studio.settings.uploads))


def written(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in (home / "logs").glob("*.jsonl") for line in file.read_text().splitlines()]


def test_a_run_leaves_lines_that_machines_read_and_a_story_that_people_read(studio: Studio, environment: None):
    with opened_instance(studio.settings) as studio.instance:
        studio.made()
        story = read_story(studio.instance, studio.store, CAMPAIGN)
    lines = written(studio.settings.home)
    assert [line["event"] for line in lines] == [line.event for line in story]
    assert {line["campaign"] for line in lines} == {CAMPAIGN}
    assert len({line["run"] for line in lines}) == 1
    scene = next(line for line in lines if line["stage"] == "scene_1" and line["event"] == "found")
    assert (scene["scene"], scene["provider"], scene["cost_usd"]) == ("scene_1", "embedded", 0.0)
    left_out = next(line for line in lines if line["event"] == "left out")
    assert "No photo" in str(left_out["message"])
    done = [line for line in lines if line["event"] == "done" and line["stage"] != "run"]
    assert all(line["duration_s"] >= 0 for line in done)

    human = CliRunner().invoke(app, ["log", CAMPAIGN])
    assert human.exit_code == 0, human.output
    assert len(human.output.splitlines()) == len(story)
    assert "scene_1          found by embedded" in human.output
    one = CliRunner().invoke(app, ["log", CAMPAIGN, "--run", "none-such", "--json"])
    assert (one.exit_code, one.output) == (0, "")


def test_a_campaign_nobody_knows_is_refused(studio: Studio, instance: dg.DagsterInstance):
    with pytest.raises(BadInput, match=f"There are: {CAMPAIGN}"):
        read_story(instance, studio.store, "nobody")


def test_a_failure_is_told_with_its_reason(studio: Studio):
    (studio.folder / "campaign.yaml").write_text("storybord: x\n", encoding="utf-8")
    assert not studio.run().success
    story = read_story(studio.instance, studio.store, CAMPAIGN)
    failed = [line for line in story if line.event == "failed"]
    assert [line.stage for line in failed] == ["brief", "run"]
    assert "storybord" in failed[0].message
    assert {line.level for line in failed} == {"error"}


def test_words_below_info_make_no_line():
    def said(level: int) -> object:
        return line_of(None, at=0.0, level=level, run=RUN, campaign="", stage="brief", message="a word")

    assert said(logging.DEBUG) is None
    line = line_of(None, at=0.0, level=logging.WARNING, run=RUN, campaign="c", stage="", message="a word")
    assert line is not None
    assert (line.event, line.level, line.stage, line.message) == ("said", "warning", "run", "a word")


def record(message: str) -> logging.LogRecord:
    made = logging.LogRecord("dagster", logging.INFO, "", 0, message, (), None)
    made.dagster_meta = {
        "run_id": RUN,
        "job_tags": {"dagster/partition": "oak"},
        "step_key": "scene_2",
        "orig_message": message,
    }
    return made


def test_containers_get_lines_on_standard_output(capsys: pytest.CaptureFixture[str]):
    LineStream().handle(record("rendering https://x.example/a?key=secret"))
    line = json.loads(capsys.readouterr().out)
    assert line.pop("at").endswith("Z")
    assert line == {
        "campaign": "oak",
        "run": RUN,
        "stage": "scene_2",
        "scene": "scene_2",
        "event": "said",
        "message": "rendering https://x.example/a",
    }


def test_old_files_of_lines_go_when_a_new_one_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    for name in ("2020-01-01", f"{datetime.now(UTC):%Y-%m}-00"):
        (tmp_path / "logs" / f"{name}.jsonl").write_text("{}\n")
    LineFile().handle(record("begun"))
    left = sorted(file.stem for file in (tmp_path / "logs").iterdir())
    assert left[-1] == f"{datetime.now(UTC):%Y-%m-%d}"
    assert "2020-01-01" not in left


def test_a_line_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "home").write_text("not a folder")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    LineFile().handle(record("begun"))
