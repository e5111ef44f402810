"""The command line and hosted models: what a film would cost, what was bought, what is bought anew, what comes back."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulators.openai import ChatService
from emulators.replicate import ReplicateEmulator
from nearest_frame import NearestFrame
from studio_kit import BRIEF, CAMPAIGN, Studio
from typer.testing import CliRunner, Result

from property_video.cli import app
from property_video.core.edits import SceneEdit
from property_video.core.outputs import Clip, Film
from property_video.orders.journal import Journal
from property_video.store import keys
from property_video.store.edits import read_edits

VEO = "replicate:google/veo-3.1-fast"
KLING = "replicate:kwaivgi/kling-v2.5-turbo-pro"
STABLE = "replicate:stability-ai/stable-audio-2.5"
GROK = "xai:grok-4.5"

Run = Callable[..., Result]


@pytest.fixture(scope="module", autouse=True)
def cheap_frames_in_between() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("property_video.media.conform.InBetween", NearestFrame)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with its databases made, which takes 2 CPU seconds."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What emulated models make, made once."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture
def service(outputs: Path) -> Iterator[ReplicateEmulator]:
    with ReplicateEmulator(outputs, speed=100_000, scale=0.2) as emulator:
        yield emulator


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: ReplicateEmulator) -> Run:
    """Run a command in an environment of its own, with a key for the emulated service."""
    for name, value in {
        "DAGSTER_HOME": home,
        "PROPERTY_VIDEO_STORE": tmp_path / "store",
        "PROPERTY_VIDEO_UPLOADS": tmp_path / "uploads",
        "PROPERTY_VIDEO_LEASE_WAIT_SECONDS": 0,
        "REPLICATE_API_TOKEN": service.token,
        "REPLICATE_BASE_URL": service.url,
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, str(value))

    def call(*words: str | Path) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def said(result: Result) -> dict[str, Any]:
    """The one JSON object that a command printed."""
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(result: Result) -> str:
    """The one line that says what is wrong."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if not line.endswith(("…", ": done"))]
    return line


def scene(film: Film, key: str) -> Clip:
    return next(clip for clip in film.scenes if clip.scene == key)


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


# --- asking


def test_a_ladder_without_a_budget_is_refused_in_one_line_and_not_kept(run: Run, studio: Studio, service):
    line = refused(run("make", studio.folder, "--video", VEO, "--json"))
    assert "nobody said how much it may be. Say budget_usd in the brief, or --budget." in line
    assert "nobody said how much" in refused(run("edit", CAMPAIGN, "scene_1", "--video", VEO))
    assert "nobody said how much" in refused(run("upgrade", CAMPAIGN, "--scenes", "1", "--video", VEO, "--json"))
    assert read_edits(studio.store, CAMPAIGN).model_dump(exclude_none=True) == {"scenes": {}}
    assert service.calls == []


def test_a_key_in_the_environment_alone_spends_nothing(run: Run, studio: Studio, service):
    film = said(run("make", studio.folder, "--json"))
    assert (film["cost_usd"], film["spent_usd"], film["choice"]) == (0.0, 0.0, [])
    assert service.calls == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["make", "{folder}", "--video", "replicate:google/veo-9", "--budget", "1"], "Did you mean"),
        (["make", "{folder}", "--video", "veo", "--budget", "1"], "is no provider of video"),
        (["make", "{folder}", "--choice", "replicate:a/b", "--budget", "1"], "is no provider of choice"),
        (["make", "{folder}", "--video", VEO, "--budget", "-1"], "budget_usd"),
        (["estimate", "{folder}", "--music", "replicate:google/lyria-9"], "there is no model"),
        (["upgrade", CAMPAIGN], "Nothing to upgrade."),
        (["upgrade", CAMPAIGN, "--scenes", "1", "--budget", "1"], "needs to know who is asked"),
        (["upgrade", CAMPAIGN, "--scenes", "one", "--video", VEO], "is no list of numbers"),
        (["upgrade", CAMPAIGN, "--scenes", "3", "--video", VEO, "--budget", "1"], "Scene 3 is not in the film."),
        (["upgrade", CAMPAIGN, "--scenes", "1", "--video", "replicate:a/b", "--budget", "1"], "there is no model"),
        (["upgrade", "elm", "--fallen"], "There is no film of 'elm'. There are films of: oak-street."),
        (["orders", "elm"], "There is no campaign 'elm'."),
        (["edit", CAMPAIGN, "scene_1", "--take", "ffff"], "'ffff' is no take of scene_1. There are: "),
        (["edit", CAMPAIGN, "scene_9", "--takes"], "There is no scene 'scene_9'."),
    ],
)
def test_what_cannot_be_granted_is_refused_in_one_line(run: Run, studio: Studio, service, words, line):
    said_of_it = refused(run(*(word.format(folder=studio.folder) for word in words)))
    assert line in said_of_it
    assert read_edits(studio.store, CAMPAIGN).model_dump(exclude_none=True) == {"scenes": {}}
    assert service.calls == []


# --- estimating


def test_an_estimate_tells_the_price_of_every_call_and_spends_nothing(run: Run, studio: Studio, service):
    before = files_under(studio.settings.store)
    asked = ("--video", f"{VEO},{KLING}", "--music", STABLE, "--choice", GROK)
    found = said(run("estimate", studio.folder, *asked, "--json"))
    rows = {row["piece"]: row for row in found["rows"]}
    assert list(rows) == ["choice of rooms", "choice of pairs", "scene_1", "scene_2", "scene_6", "audio_track"]
    assert [rows[key]["estimate_usd"] for key in ("scene_1", "audio_track")] == [0.40, 0.20]
    assert 0 < rows["choice of rooms"]["estimate_usd"] < 0.20
    assert found["estimate_usd"] == pytest.approx(sum(row["estimate_usd"] for row in found["rows"]))
    assert (found["budget_usd"], found["spent_usd"]) == (None, 0.0)
    assert files_under(studio.settings.store) - {keys.LAYOUT} == before, "nothing of the campaign was recorded"
    assert service.calls == []


def test_an_estimate_is_a_table_with_a_total(run: Run, studio: Studio):
    result = run("estimate", studio.folder, "--video", VEO, "--budget", "1")
    assert result.exit_code == 0, result.output
    for words in ("scene_2", VEO, "to be made", "Estimate: $1.20", "spent nothing", "Budget: $1.00: too small"):
        assert words in result.stdout


def test_what_exists_is_estimated_at_nothing(run: Run, studio: Studio):
    found = said(run("estimate", studio.folder, "--json"))
    assert {row["state"] for row in found["rows"]} == {"found"}
    assert found["estimate_usd"] == 0.0


@pytest.mark.slow
def test_an_estimate_of_new_photos_needs_no_campaign_and_makes_none(run: Run, studio: Studio, tmp_path: Path):
    shutil.rmtree(studio.settings.store)
    moved = tmp_path / "elm-road"
    shutil.copytree(studio.folder, moved)
    found = said(run("estimate", moved, "--video", VEO, "--json"))
    assert found["campaign"] == "elm-road"
    assert found["estimate_usd"] == pytest.approx(1.20)
    written = {path.split("/")[0] for path in files_under(studio.settings.store)}
    assert not written & {"records", "takes", "edits", "journal", "budgets", "sources", "films"}


def test_a_track_that_is_made_scene_by_scene_is_estimated_call_by_call(run: Run, studio: Studio):
    brief = f"{BRIEF}allow_non_commercial: true\n"
    (studio.folder / "campaign.yaml").write_text(brief, encoding="utf-8")
    found = said(run("estimate", studio.folder, "--music", "replicate:meta/musicgen", "--json"))
    links = [row for row in found["rows"] if row["piece"].startswith("audio_track")]
    assert [row["piece"] for row in links] == ["audio_track 1/3", "audio_track 2/3", "audio_track 3/3"]
    assert all(row["estimate_usd"] > 0 for row in links)
    assert found["estimate_usd"] == pytest.approx(sum(row["estimate_usd"] for row in links))


def test_a_model_that_cannot_make_a_scene_is_passed_over_and_says_why(run: Run, studio: Studio):
    brief = BRIEF.replace("scene_seconds: 2", "scene_seconds: 9")
    (studio.folder / "campaign.yaml").write_text(brief, encoding="utf-8")
    found = said(run("estimate", studio.folder, "--video", VEO, "--json"))
    (first, *_) = (row for row in found["rows"] if row["piece"] == "scene_1")
    assert (first["provider"], first["estimate_usd"]) == ("embedded", 0.0)
    assert "veo-3.1-fast" in first["passed_over"]


# --- buying


def test_a_bought_film_tells_its_cost_and_a_second_run_finds_everything(run: Run, studio: Studio, service):
    asked = ("--video", VEO, "--music", STABLE, "--budget", "2")
    film = said(run("make", studio.folder, *asked, "--json"))
    assert film["cost_usd"] == film["spent_usd"] == pytest.approx(1.40) == service.spent_usd()
    first = film["scenes"][0]
    assert (first["provider"], first["cost_usd"], first["attempts"], first["fell"]) == (VEO, 0.40, 1, [])
    assert (film["music"]["provider"], film["music"]["cost_usd"]) == (STABLE, 0.20)
    assert film["reused"] == ["uploaded_photos", "photo_analysis"], "what this run bought was not found"
    calls = len(service.calls)
    again = said(run("make", studio.folder, "--json"))
    assert (again["cost_usd"], again["spent_usd"]) == (film["cost_usd"], 0.0)
    assert "final_video" in again["reused"]
    assert len(service.calls) == calls


@pytest.mark.slow
def test_how_orders_stand_is_told_while_they_are_waited_for(run: Run, studio: Studio):
    result = run("make", studio.folder, "--video", VEO, "--budget", "2")
    assert result.exit_code == 0, result.output
    assert "Hosted models: 3 loading, 0 done, 0 failed (scene_1, scene_2, scene_6)" in result.stdout
    assert "Hosted models: 0 loading, 3 done, 0 failed" in result.stdout
    assert "Cost: $1.20, of which now: $1.20" in result.stdout


@pytest.mark.slow
def test_the_journal_is_shown_as_a_table_and_as_lines(run: Run, studio: Studio, service):
    assert run("orders", CAMPAIGN).stdout == "Nothing was ever ordered of hosted models.\n"
    assert run("make", studio.folder, "--video", f"{VEO},{KLING}", "--budget", "0.80").exit_code == 0
    result = run("orders", CAMPAIGN)
    assert result.exit_code == 0, result.output
    for words in ("scene_1", VEO, "settled", "embedded", "$0.40", "Spent: $0.80 of a budget of $0.80"):
        assert words in result.stdout
    events = [json.loads(line) for line in run("orders", CAMPAIGN, "--json").stdout.splitlines()]
    assert {event["kind"] for event in events} >= {"claimed", "intent", "placed", "settled", "booked", "fell"}
    assert service.token not in result.output


# --- upgrading


@pytest.mark.slow
def test_one_scene_is_bought_for_a_finished_film_and_the_others_keep_their_takes(run: Run, studio: Studio, service):
    before = studio.film()
    film = said(run("upgrade", CAMPAIGN, "--scenes", "1", "--video", KLING, "--budget", "3", "--json"))
    after = studio.film()
    assert film["cost_usd"] == film["spent_usd"] == pytest.approx(0.35) == service.spent_usd()
    assert scene(after, "scene_1").take.provider == KLING
    for key in ("scene_2", "scene_6"):
        assert scene(after, key).take == scene(before, key).take
    assert after.track.media == before.track.media
    assert len(service.created()) == 1
    again = said(run("make", studio.folder, "--json"))
    assert (again["cost_usd"], again["spent_usd"]) == (pytest.approx(0.35), 0.0)
    assert len(service.created()) == 1


@pytest.mark.slow
def test_an_upgrade_reads_no_photos_and_needs_none(run: Run, studio: Studio, service):
    shutil.rmtree(studio.folder)
    film = said(run("upgrade", CAMPAIGN, "--scenes", "2", "--video", VEO, "--budget", "1", "--json"))
    assert film["cost_usd"] == pytest.approx(0.40)


@pytest.mark.slow
def test_the_track_alone_is_bought_for_a_finished_film(run: Run, studio: Studio, service):
    film = said(run("upgrade", CAMPAIGN, "--music", STABLE, "--budget", "1", "--json"))
    assert film["music"]["provider"] == STABLE
    assert film["cost_usd"] == pytest.approx(0.20) == service.spent_usd()


@pytest.mark.slow
def test_a_budget_that_is_spent_is_told_before_anything_changes(run: Run, studio: Studio, service):
    said(run("upgrade", CAMPAIGN, "--scenes", "1", "--video", KLING, "--budget", "0.40", "--json"))
    edits = read_edits(studio.store, CAMPAIGN)
    line = refused(run("upgrade", CAMPAIGN, "--scenes", "2", "--video", KLING, "--budget", "0.35", "--json"))
    assert "The budget of $0.35 pays for none of it: $0.35 of it are spent, and the cheapest call costs $0.35." in line
    assert read_edits(studio.store, CAMPAIGN) == edits
    again = said(run("upgrade", CAMPAIGN, "--scenes", "1", "--video", KLING, "--budget", "0.35", "--json"))
    assert (again["cost_usd"], again["spent_usd"]) == (0.35, 0.0), "what is bought already needs no budget"


@pytest.mark.slow
def test_what_fell_is_asked_again_and_nothing_else(run: Run, studio: Studio, service):
    knob = service.knob("fail", route="run", value="The input or output was flagged as sensitive. (E005)", nth=(2, 3))
    fallen = said(run("make", studio.folder, "--video", VEO, "--budget", "3", "--json"))
    assert knob.struck == 2
    fell = {each["scene"] for each in fallen["scenes"] if each["fell"]}
    assert len(fell) == 2
    assert (fallen["cost_usd"], service.spent_usd()) == (0.40, 0.40)
    assert "Fell: " in run("make", studio.folder).stdout
    service.knobs.clear()
    mended = said(run("upgrade", CAMPAIGN, "--fallen", "--json"))
    assert {each["provider"] for each in mended["scenes"] if each["first"]} == {VEO}
    assert not any(each["fell"] for each in mended["scenes"])
    assert mended["spent_usd"] == pytest.approx(0.80)
    assert mended["cost_usd"] == pytest.approx(1.20) == service.spent_usd()
    assert said(run("upgrade", CAMPAIGN, "--fallen", "--json"))["spent_usd"] == 0.0


@pytest.mark.slow
def test_what_fell_for_want_of_a_key_is_bought_when_there_is_one(run: Run, studio: Studio, service, monkeypatch):
    with monkeypatch.context() as without:
        without.delenv("REPLICATE_API_TOKEN")
        fallen = said(run("make", studio.folder, "--video", KLING, "--budget", "3", "--json"))
    assert "There is no key for replicate" in fallen["scenes"][0]["fell"][0]
    mended = said(run("upgrade", CAMPAIGN, "--fallen", "--video", VEO, "--json"))
    assert mended["scenes"][0]["provider"] == VEO
    assert mended["cost_usd"] == pytest.approx(1.20)


# --- old takes


@pytest.mark.slow
def test_an_old_take_comes_back_for_nothing_and_goes_again(run: Run, studio: Studio, service):
    before = scene(studio.film(), "scene_1").take
    assert before is not None
    said(run("upgrade", CAMPAIGN, "--scenes", "1", "--video", KLING, "--budget", "3", "--json"))
    listed = run("edit", CAMPAIGN, "scene_1", "--takes").stdout
    assert before.fingerprint in listed
    assert KLING in listed
    assert run("edit", CAMPAIGN, "scene_1", "--take", before.fingerprint[:8]).exit_code == 0
    assert read_edits(studio.store, CAMPAIGN).scene("scene_1").take == before.fingerprint
    back = said(run("make", studio.folder, "--json"))
    assert (back["cost_usd"], back["spent_usd"], back["scenes"][0]["provider"]) == (0.0, 0.0, "embedded")
    assert scene(studio.film(), "scene_1").take == before
    assert run("edit", CAMPAIGN, "scene_1", "--take", "").exit_code == 0
    assert read_edits(studio.store, CAMPAIGN).scene("scene_1") == SceneEdit(video=(KLING,))
    bought = said(run("make", studio.folder, "--json"))
    assert (bought["cost_usd"], bought["spent_usd"]) == (pytest.approx(0.35), 0.0)
    assert len(service.created()) == 1


def test_a_take_of_another_length_is_refused_and_not_kept(run: Run, studio: Studio):
    take = scene(studio.film(), "scene_1").take
    assert take is not None
    assert run("edit", CAMPAIGN, "scene_1", "--seconds", "3").exit_code == 0
    assert "60 frames, the scene 90" in refused(run("edit", CAMPAIGN, "scene_1", "--take", take.fingerprint))
    assert read_edits(studio.store, CAMPAIGN).scene("scene_1") == SceneEdit(seconds=3)


# --- choice and models


@pytest.mark.slow
def test_photos_chosen_by_a_model_are_in_the_cost(run: Run, studio: Studio, monkeypatch):
    rooms = {"p01": "bedroom", "p02": "bedroom", "p03": "kitchen", "p04": "pool"}
    pairs = [{"scene": 1, "first": "p04"}, {"scene": 2, "first": "p01", "last": "p02"}, {"scene": 6, "first": "p03"}]
    with ChatService("xai", rooms=rooms, pairs=pairs) as grok:
        monkeypatch.setenv("XAI_API_KEY", grok.key)
        monkeypatch.setenv("XAI_BASE_URL", grok.url)
        film = said(run("make", studio.folder, "--choice", GROK, "--budget", "1", "--json"))
        assert [(each["stage"], each["provider"]) for each in film["choice"]] == [("rooms", GROK), ("pairs", GROK)]
        assert film["cost_usd"] == film["spent_usd"] == pytest.approx(grok.spent / 1e6)
        journal = Journal(studio.store, CAMPAIGN)
        assert sum(journal.state(order).cost for order in journal.orders()) == grok.spent
        found = said(run("estimate", studio.folder, "--json"))
        assert {row["state"] for row in found["rows"]} == {"found"}, "what was answered before is known"
        assert found["estimate_usd"] == 0.0


def test_the_registry_is_compared_with_what_is_published(run: Run, service, monkeypatch):
    result = run("doctor", "--live")
    assert result.exit_code == 0, result.output
    assert "google/veo-3.1-fast" in result.stdout
    assert "as registered" in result.stdout
    assert service.token not in result.output
    service.drift["google/veo-3.1-fast"] = [("remove", "negative_prompt", None)]
    changed = run("doctor", "--live")
    assert changed.exit_code == 1
    assert "HAS CHANGED" in changed.stdout
    monkeypatch.delenv("REPLICATE_API_TOKEN")
    assert "there is nobody to ask" in run("doctor", "--live").stdout
