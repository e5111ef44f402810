"""The command line: exit codes, one clear line for what went wrong, and JSON that is nothing but JSON."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from studio_kit import CAMPAIGN, Studio, write_photo
from typer.testing import CliRunner, Result

from property_video.cli import app
from property_video.core.edits import SceneEdit
from property_video.core.errors import StoreError
from property_video.core.storyboard import SCENE_KEYS
from property_video.engine import make as engine_make
from property_video.media.probe import probe
from property_video.store.edits import read_edits
from property_video.store.leases import campaign_lease

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home with its databases made, which takes 2 CPU seconds."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(home, tmp_path, monkeypatch) -> Run:
    """Run a command in an environment of its own."""
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("PROPERTY_VIDEO_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("PROPERTY_VIDEO_UPLOADS", str(tmp_path / "uploads"))
    monkeypatch.setenv("PROPERTY_VIDEO_LEASE_WAIT_SECONDS", "0")

    def call(*words: str | Path) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


def refused(result: Result, code: int = 2) -> str:
    """The one line that says what is wrong."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Error: "), result.stderr
    assert len(lines) == (1 if code == 2 else 2), result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


# --- make


def test_make_prints_the_scenes_the_cost_and_where_the_film_is(run, studio: Studio, tmp_path):
    """Photos may be called anything: square brackets are markup to the library that prints."""
    (studio.folder / "kitchen.jpg").rename(studio.folder / "kitchen [b].jpg")
    (studio.folder / "[red]torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    copy = tmp_path / "film.mp4"
    result = run("make", studio.folder, "--out", copy)
    assert result.exit_code == 0, result.output
    assert probe(copy).video.frames == 180
    for words in (
        f"Film: {copy}",
        "Cost: $0.00",
        "bedroom-1.jpg",
        "kitchen [b].jpg",
        "left out",
        "Not used: [red]torn.jpg",
        "Found, not made again: uploaded_photos, photo_analysis, scene_1",
    ):
        assert words in result.stdout


def test_make_with_json_prints_one_object_and_nothing_else(run, studio: Studio):
    (studio.folder / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    result = run("make", studio.folder, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("}\n")
    assert result.stdout.count("\n") == 1
    said = json.loads(result.stdout)
    assert said.keys() == {
        "campaign", "film", "duration_s", "cost_usd", "spent_usd", "choice", "music", "scenes", "photos", "advice",
        "rejected", "run_id", "reused",
    }  # fmt: skip
    assert (said["campaign"], said["duration_s"], said["cost_usd"]) == (CAMPAIGN, pytest.approx(6, abs=0.04), 0.0)
    assert probe(Path(said["film"])).video.frames == 180
    assert [scene["scene"] for scene in said["scenes"]] == list(SCENE_KEYS)
    for scene in said["scenes"]:
        assert scene.keys() == {
            "scene", "title", "first", "last", "provider", "cost_usd", "attempts", "fell", "confidence", "reasons",
            "alternative", "left_out",
        }  # fmt: skip
    second, third = said["scenes"][1:3]
    assert (second["first"], second["last"], second["provider"]) == ("bedroom-1.jpg", "bedroom-2.jpg", "embedded")
    assert (second["confidence"], second["left_out"]) == (0.9, None)
    assert (third["first"], third["provider"]) == (None, None)
    assert third["left_out"] == "No photo is left that shows bathroom vanity."
    assert said["photos"][0] == {
        "file": "bedroom-1.jpg", "used": True, "room": "bedroom", "room_confidence": 0.9,
        "room_source": "file name", "sharp": True, "duplicate_of": None,
    }  # fmt: skip
    (rejected,) = said["rejected"]
    assert rejected.keys() == {"file", "reason", "remedy"}
    assert rejected["file"] == "torn.jpg"
    assert said["reused"] == [
        "uploaded_photos", "photo_analysis", "scene_1", "scene_2", "scene_6", "audio_track", "final_video",
    ]  # fmt: skip


# --- bad input: exit 2 and one line


def test_a_folder_that_is_missing(run, tmp_path):
    assert f"The folder {tmp_path}/nothing does not exist." in refused(run("make", tmp_path / "nothing"))


def test_a_folder_whose_name_looks_like_markup(run, tmp_path):
    assert "[bold]x[/] does not exist" in refused(run("make", tmp_path / "[bold]x[/]"))


def test_a_file_where_a_folder_should_be(run, tmp_path):
    file = write_photo(tmp_path / "pool.jpg", 1, size=(400, 400))
    assert f"{file} is not a folder." in refused(run("make", file))


def test_an_empty_folder(run, tmp_path):
    (tmp_path / "oak").mkdir()
    assert f"{tmp_path}/oak is empty. Put the photos into it." in refused(run("make", tmp_path / "oak"))


def test_a_folder_without_permission(run, tmp_path, monkeypatch):
    folder = tmp_path / "oak"
    folder.mkdir()
    real = os.scandir

    def scandir(path):
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert f"The folder {folder} cannot be read: permission denied." in refused(run("make", folder))


def test_no_usable_photo_says_why_for_each_file(run, tmp_path):
    folder = tmp_path / "oak"
    folder.mkdir()
    (folder / "page.jpg").write_text("<html>")
    (folder / "empty.jpg").touch()
    write_photo(folder / "tiny.jpg", 1, size=(300, 200))
    result = run("make", folder)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    for file in ("page.jpg is not a picture", "empty.jpg is empty", "tiny.jpg "):
        assert file in line
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("brief", "words"),
    [
        ("clinet: A\n", "campaign.yaml: clinet: unknown key. Did you mean 'client'?"),
        ("client: [\n", "not valid YAML in line"),
        ("scene_seconds: 99\n", "scene_seconds: "),
    ],
)
def test_a_bad_brief(run, tmp_path, brief, words):
    write_photo(tmp_path / "oak" / "pool.jpg", 1, size=(400, 400))
    (tmp_path / "oak" / "campaign.yaml").write_text(brief)
    assert words in refused(run("make", tmp_path / "oak"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--campaign", "Oak Street"], "'Oak Street' cannot be a campaign's name"),
        (["--campaign", "../oak"], "Try 'oak'"),
        (["--out", "{tmp}"], "{tmp} is a folder. Name a file"),
        (["--out", "{tmp}/nothing/film.mp4"], "there is no folder {tmp}/nothing"),
    ],
)
def test_bad_options(run, tmp_path, options, words):
    write_photo(tmp_path / "oak" / "pool.jpg", 1, size=(400, 400))
    words = words.format(tmp=tmp_path)
    assert words in refused(run("make", tmp_path / "oak", *(option.format(tmp=tmp_path) for option in options)))
    assert not (tmp_path / "store" / "records").exists(), "it was told before the work began"


def test_a_target_that_cannot_be_written_is_told_before_the_work_begins(run, tmp_path, monkeypatch):
    write_photo(tmp_path / "oak" / "pool.jpg", 1, size=(400, 400))
    target = tmp_path / "sealed" / "film.mp4"
    target.parent.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != target.parent and real(path, mode))
    assert f"{target.parent} cannot be written" in refused(run("make", tmp_path / "oak", "--out", target))


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--storyboard", "luxury_propert"], "Did you mean 'luxury_property'"), (["--seed", "-1"], "seed")],
)
def test_a_wish_that_cannot_be_granted_is_refused_and_not_kept(run, studio: Studio, options, words):
    result = run("make", studio.folder, *options)
    assert result.exit_code == 2, result.output
    assert words in result.stderr.splitlines()[-1]
    assert read_edits(studio.store, CAMPAIGN).model_dump(exclude_none=True) == {"scenes": {}}


@pytest.mark.parametrize("words", [["make"], ["mkae"], ["make", ".", "--sede", "1"], ["make", ".", "--seed", "x"]])
def test_bad_usage(run, words):
    assert run(*words).exit_code == 2


def test_a_campaign_of_that_name_takes_its_photos_from_uploads(run, tmp_path):
    write_photo(tmp_path / "photos" / "pool.jpg", 1, size=(400, 400))
    write_photo(tmp_path / "uploads" / "oak" / "pool.jpg", 1, size=(400, 400))
    assert "takes its photos from" in refused(run("make", tmp_path / "photos", "--campaign", "oak"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROPERTY_VIDEO_MEDIA_PORT", "http"),
        ("PROPERTY_VIDEO_MEDIA_PORT", "70000"),
        ("PROPERTY_VIDEO_SETTLE_SECONDS", "-1"),
        ("PROPERTY_VIDEO_LEASE_WAIT_SECONDS", "nan"),
    ],
)
def test_a_setting_that_makes_no_sense(run, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert f"{name}='{value}' is not a number" in refused(run("films"))


# --- anything else: exit 1 and where to look


def test_a_campaign_that_is_being_made_elsewhere(run, studio: Studio):
    with campaign_lease(studio.store, CAMPAIGN, "another-run", wait_s=0):
        result = run("make", studio.folder)
    assert result.exit_code == 1
    assert f"{CAMPAIGN} is held by run another" in result.stderr
    assert "Where to look: " in result.stderr


def test_a_store_that_breaks(run, studio: Studio, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise StoreError("The disk is on fire.", "Put it out.")

    monkeypatch.setattr(engine_make, "make_film", broken)
    assert refused(run("make", studio.folder), code=1) == "Error: The disk is on fire. Put it out."


def test_ctrl_c_says_how_to_go_on(run, studio: Studio, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine_make, "make_film", interrupted)
    result = run("make", studio.folder)
    assert (result.exit_code, result.stderr) == (1, "Stopped. The same command goes on where it was.\n")


# --- edit, films, prune, doctor


def test_an_edit_is_kept_and_says_how_to_see_it(run, studio: Studio):
    result = run("edit", CAMPAIGN, "scene_2", "--first", "BEDROOM-2", "--seed", "7")
    assert result.exit_code == 0, result.output
    assert read_edits(studio.store, CAMPAIGN).scene("scene_2") == SceneEdit(first="bedroom-2.jpg", seed=7)
    assert "Kept." in result.stdout
    assert f"property-video make {studio.folder}" in result.stdout
    assert "It stood like that already." in run("edit", CAMPAIGN, "scene_2", "--seed", "7").stdout
    assert run("edit", CAMPAIGN, "scene_2", "--reset").exit_code == 0
    assert read_edits(studio.store, CAMPAIGN).scene("scene_2") == SceneEdit()


def test_two_edits_that_do_not_go_together_are_not_both_kept(run, studio: Studio):
    assert run("edit", CAMPAIGN, "scene_2", "--first", "pool").exit_code == 0
    assert "pool.jpg cannot be both" in refused(run("edit", CAMPAIGN, "scene_2", "--last", "pool.jpg"))
    assert read_edits(studio.store, CAMPAIGN).scene("scene_2") == SceneEdit(first="pool.jpg")
    assert run("edit", CAMPAIGN, "scene_2", "--reset", "--last", "pool").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["elm", "scene_1", "--seed", "1"], "There is no campaign 'elm'. There are: oak-street."),
        (["Elm", "scene_1", "--seed", "1"], "cannot be a campaign's name"),
        ([CAMPAIGN, "scene_1"], "Nothing to change."),
        ([CAMPAIGN, "scene_9", "--seed", "1"], "There is no scene 'scene_9'."),
        ([CAMPAIGN, "scene_1", "--first", "kitchn"], "Did you mean 'kitchen.jpg'?"),
        ([CAMPAIGN, "scene_1", "--first", "pool", "--last", "POOL.jpg"], "both first and last"),
        ([CAMPAIGN, "scene_1", "--move", "swep"], "Did you mean 'sweep'?"),
        ([CAMPAIGN, "scene_1", "--seed", "-3"], "seed"),
        ([CAMPAIGN, "scene_1", "--mood", "calm"], "mood: unknown key"),
        ([CAMPAIGN, "--first", "pool"], "first: unknown key"),
        ([CAMPAIGN, "--mood", "sad"], "mood"),
    ],
)
@pytest.mark.usefixtures("studio")
def test_an_edit_that_breaks_a_rule(run, words, said):
    assert said in refused(run("edit", *words))


def test_films_are_listed(run, studio: Studio):
    result = run("films")
    assert result.exit_code == 0
    for word in (CAMPAIGN, "Costa Lenta Estates", "Oak Street 12", f"{CAMPAIGN}.mp4"):
        assert word in result.stdout


def test_films_of_clients_who_look_like_markup_are_listed(run, studio: Studio):
    from property_video.store import keys

    film = studio.film().model_copy(update={"client": "Sea [/] Sons"})
    studio.store.write(keys.record("final_video", CAMPAIGN), film)
    result = run("films")
    assert result.exit_code == 0, result.output
    assert "Sea [/] Sons" in result.stdout


def test_no_film_yet(run):
    assert run("films").stdout == "No film yet. `property-video demo` makes one.\n"


def test_pruning_tells_what_it_removed(run, studio: Studio):
    assert run("prune", "--keep", "1").stdout == "Removed 0 films and 0 media files: 0.0 MB.\n"
    assert run("prune", "--keep", "0").exit_code == 2


def test_a_machine_that_can_make_films_is_found_to_be_fine(run, monkeypatch):
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_secret")
    result = run("doctor")
    assert result.exit_code == 0, result.stdout
    for word in ("Python", "libx264", "dagster.yaml", "store", "uploads", "REPLICATE_API_TOKEN", "present"):
        assert word in result.stdout
    assert "r8_secret" not in result.output


def test_what_would_stop_a_film_is_found(run, home, monkeypatch, tmp_path):
    from property_video.engine import checkup

    monkeypatch.setattr(checkup, "LEAST_SPACE", 10**18)
    monkeypatch.setenv("PROPERTY_VIDEO_STORE", str(tmp_path / "[/]store"))
    result = run("doctor")
    assert result.exit_code == 1
    assert "too little" in result.stdout
    assert "[/]store" in result.stdout
    assert "STOPS FILMS" in result.stdout


# --- automation


def test_deleting_asks_first_and_says_what_it_did(run, studio: Studio):
    refused_to = run("delete", CAMPAIGN)  # nobody answers
    assert refused_to.exit_code == 1
    assert studio.folder.is_dir()
    result = run("delete", CAMPAIGN, "--yes")
    assert result.exit_code == 0, result.output
    assert "5 uploaded files" in result.output
    assert not studio.folder.exists()
    assert "no campaign" in refused(run("delete", CAMPAIGN, "--yes"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say what to do"),
        (("--all", "--campaign", "oak"), "Say what to do"),
        (("--campaign", "nonsense"), "no film of 'nonsense'"),
        (("--pause", "nonsense"), "no backfill 'nonsense'"),
        (("--resume", "nonsense"), "no backfill 'nonsense'"),
    ],
)
def test_a_backfill_that_makes_no_sense_is_refused(run, words, said):
    result = run("backfill", *words)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_backfill_says_which_films_would_be_others_and_starts_nothing_when_told_so(run, studio: Studio):
    assert "0 campaigns; hosted models: $0.00." in run("backfill", "--stale", "--dry-run").output
    assert run("edit", CAMPAIGN, "scene_1", "--seed", "5").exit_code == 0
    found = run("backfill", "--stale", "--dry-run").output
    assert f"{CAMPAIGN}: scene_1" in found
    assert run("backfill", "--list").output == ""
