"""The whole graph on a tiny campaign: what is made, what is found, what stays."""

import base64
import re
import shutil
from pathlib import Path

import dagster as dg
import pytest
from fakes import FakeClips, FakeTracks
from PIL import Image
from studio_kit import AT_ONCE, BRIEF, SECRETS, Studio, settings_in, why, write_photo

from property_video.core.edits import Edit
from property_video.core.errors import BadOutput, StoreFull, TransientError
from property_video.core.orders import Orders
from property_video.core.outputs import Film
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.storyboard import SCENE_KEYS
from property_video.media.probe import probe
from property_video.providers.embedded import Embedded
from property_video.store.disk import sha256_of
from property_video.store.edits import add_edit, read_edits

ASSETS = (
    "brief",
    "uploaded_photos",
    "photo_analysis",
    "selected_pairs",
    "orders",
    *SCENE_KEYS,
    "audio_track",
    "final_video",
)

IN_FILM = ["scene_1", "scene_2", "scene_6"]


def scene(film: Film, key: str):
    return next(clip for clip in film.scenes if clip.scene == key)


def media(film: Film) -> dict[str, str]:
    """Media keys of a film's pieces: equal keys are equal bytes."""
    clips = {clip.scene: clip.take.media.key for clip in film.scenes if clip.take}
    return {**clips, "audio_track": film.track.media.key, "final_video": film.media.key}


def changed(before: Film, after: Film) -> set[str]:
    old, new = media(before), media(after)
    return {piece for piece in old | new if old.get(piece) != new.get(piece)}


def errors_of(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    return why(result)


# --- what is made


def test_scenes_that_nobody_can_fill_are_left_out_and_say_why(finished):
    film = finished.film()
    assert [clip.scene for clip in film.scenes if clip.take] == IN_FILM
    left_out = {clip.scene: clip.left_out for clip in film.scenes if not clip.take}
    assert left_out.keys() == set(SCENE_KEYS) - set(IN_FILM)
    assert left_out["scene_3"] == "No photo is left that shows bathroom vanity."


def test_the_film_is_as_long_as_its_scenes(finished):
    film = finished.film()
    assert film.frames == 3 * 60
    found = probe(finished.store.media_path(film.media.key))
    assert found.video.frames == film.frames
    assert film.duration_s == pytest.approx(6.0, abs=1 / 30)


def test_photos_of_one_room_make_a_pair_and_a_lone_one_a_scene_of_its_own(finished):
    film = finished.film()
    assert (scene(film, "scene_2").first, scene(film, "scene_2").last) == ("bedroom-1.jpg", "bedroom-2.jpg")
    assert (scene(film, "scene_1").first, scene(film, "scene_1").last) == ("pool.jpg", "")


def test_the_film_can_be_found_under_its_campaigns_name(finished):
    named = finished.store.path(f"films/{finished.campaign}.mp4")
    assert sha256_of(named) in finished.film().media.key


def test_one_photo_makes_a_film_of_one_scene(empty_studio):
    write_photo(empty_studio.folder / "IMG_0001.jpg", 9)
    (empty_studio.folder / "campaign.yaml").write_text("scene_seconds: 2\n")
    film = empty_studio.made()
    (shown,) = [clip for clip in film.scenes if clip.take]
    assert (shown.first, shown.last) == ("IMG_0001.jpg", "")
    assert film.frames == 60


def test_the_same_inputs_make_the_same_bytes_in_another_folder(finished, tmp_path, instance):
    root = tmp_path / "somewhere else"
    shutil.copytree(finished.settings.uploads, root / "uploads")
    elsewhere = Studio(settings_in(root), instance, FakeClips(Embedded()), FakeTracks(Embedded()))
    assert media(elsewhere.made()) == media(finished.film())
    assert elsewhere.clips.calls == IN_FILM


# --- what is found


def test_running_again_unchanged_makes_nothing_again(studio):
    before = studio.film()
    after = studio.made()
    assert (studio.clips.calls, studio.tracks.calls) == ([], [])
    assert media(after) == media(before)
    assert after.found
    assert after.track.found
    assert all(clip.found for clip in after.scenes if clip.take)
    assert studio.record("uploaded_photos", UploadedPhotos).found == 4
    assert studio.record("photo_analysis", PhotoAnalysis).found == 4


def test_unchanged_outputs_keep_their_data_versions_so_that_nothing_below_them_turns_stale(studio, finished):
    def versions(instance: dg.DagsterInstance) -> dict[str, str]:
        latest = {asset: instance.get_latest_materialization_event(dg.AssetKey(asset)) for asset in ASSETS}
        return {asset: event.asset_materialization.tags["dagster/data_version"] for asset, event in latest.items()}

    studio.made()
    assert versions(studio.instance) == versions(finished.instance)


def test_a_changed_photo_remakes_its_scene_and_the_film_only(studio):
    before = studio.film()
    write_photo(studio.folder / "kitchen.jpg", 44)
    after = studio.made()
    assert studio.clips.calls == ["scene_6"]
    assert studio.tracks.calls == []
    assert changed(before, after) == {"scene_6", "final_video"}
    assert studio.record("uploaded_photos", UploadedPhotos).found == 3


def test_another_client_relabels_the_film_and_remakes_nothing(studio):
    before = studio.film()
    (studio.folder / "campaign.yaml").write_text(BRIEF.replace("Costa Lenta Estates", "Sea & Sons"))
    after = studio.made()
    assert (studio.clips.calls, studio.tracks.calls) == ([], [])
    assert changed(before, after) == set()
    assert after.client == "Sea & Sons"


def test_a_lost_take_is_made_again(studio):
    studio.store.remove(scene(studio.film(), "scene_1").take.media.key)
    studio.made()
    assert studio.clips.calls == ["scene_1"]


def test_photos_taken_in_before_are_used_when_their_folder_is_gone(studio):
    before = studio.film()
    shutil.rmtree(studio.folder)
    after = studio.made()
    assert media(after) == media(before)
    assert after.client == before.client
    assert after.request == before.request
    assert studio.record("uploaded_photos", UploadedPhotos).found == 4


# --- what a person changes stays


def test_a_new_seed_remakes_its_scene_and_the_film_only(studio):
    before = studio.film()
    after = studio.made("reroll_scene_1", {"scene_1": {"seed": 77}})
    assert studio.clips.calls == ["scene_1"]
    assert studio.tracks.calls == []
    assert changed(before, after) == {"scene_1", "final_video"}


def test_a_reroll_runs_its_scene_and_what_follows_and_nothing_else(studio):
    result = studio.run("reroll_scene_2", {"scene_2": {"move": "sweep"}})
    assert result.success, why(result)
    assert {event.step_key for event in result.all_events if event.is_step_success} == {
        "scene_2",
        "audio_track",
        "final_video",
    }
    assert studio.clips.calls == ["scene_2"]
    assert scene(studio.film(), "scene_2").move == "sweep"


def test_an_old_take_comes_back_by_an_edit_without_making_anything(studio):
    before = studio.film()
    studio.made("reroll_scene_1", {"scene_1": {"seed": 77}})
    add_edit(studio.store, studio.campaign, Edit(scene="scene_1", reset=True))
    after = studio.made("reroll_scene_1")
    assert studio.clips.calls == []
    assert media(after) == media(before)


def test_what_was_chosen_at_a_launch_outlives_later_runs(studio):
    rerolled = studio.made("reroll_scene_1", {"scene_1": {"seed": 77}})
    later = studio.made()
    assert studio.clips.calls == []
    assert media(later) == media(rerolled)
    assert read_edits(studio.store, studio.campaign).scene("scene_1").seed == 77


def test_a_mood_chosen_for_the_whole_film_remakes_the_track_only_and_stays(studio):
    before = studio.film()
    after = studio.made("film", {"brief": {"mood": "calm"}})
    assert changed(before, after) == {"audio_track", "final_video"}
    assert studio.tracks.calls == ["calm"]
    assert studio.made().track.mood == "calm"
    assert studio.tracks.calls == []


def test_a_scene_that_an_edit_brings_into_the_film_changes_the_track_as_well(studio):
    write_photo(studio.folder / "studio.jpg", 21)  # its name tells no room; scene 3 gets it in order
    (studio.folder / "campaign.yaml").write_text(BRIEF + "photos: {never: [studio]}\n")
    before = studio.made()
    assert scene(before, "scene_3").left_out
    after = studio.made("reroll_scene_3", {"scene_3": {"first": "studio.jpg"}})
    assert studio.clips.calls == ["scene_3"]
    assert studio.tracks.calls == ["warm"]
    assert changed(before, after) == {"scene_3", "audio_track", "final_video"}
    assert after.frames == before.frames + 60


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"scene_1": {"first": "nothing.jpg"}}, "There is no usable photo 'nothing.jpg'"),
        ({"scene_1": {"first": "pool", "last": "pool.jpg"}}, "both first and last"),
        ({"scene_1": {"move": "swep"}}, "Did you mean 'sweep'"),
        ({"scene_1": {"seed": -1}}, "seed"),
    ],
)
def test_a_choice_that_breaks_a_rule_is_refused_and_not_kept(studio, config, words):
    before = read_edits(studio.store, studio.campaign)
    assert words in errors_of(studio.run("reroll_scene_1", config))
    assert read_edits(studio.store, studio.campaign) == before
    assert studio.clips.calls == []


def test_an_unknown_storyboard_is_refused_and_not_kept(studio):
    assert "Did you mean 'luxury_property'" in errors_of(
        studio.run("film", {"brief": {"storyboard": "luxury_propert"}})
    )
    assert read_edits(studio.store, studio.campaign).storyboard is None


# --- what goes wrong


def test_transient_errors_are_tried_again(studio):
    studio.clips = FakeClips(studio.clips.worker, {"scene_1": [TransientError("Busy."), TransientError("Busy.")]})
    studio.made("reroll_scene_1", {"scene_1": {"seed": 77}})
    assert studio.clips.calls == ["scene_1"] * 3


def test_transient_errors_that_last_end_the_step(studio):
    studio.clips = FakeClips(studio.clips.worker, {"scene_1": [TransientError("Busy.")] * 9})
    result = studio.run("reroll_scene_1", {"scene_1": {"seed": 77}})
    assert not result.success
    assert studio.clips.calls == ["scene_1"] * (1 + AT_ONCE.max_retries)


@pytest.mark.parametrize("error", [BadOutput("Broken."), StoreFull("No space is left."), ValueError("A bug.")])
def test_permanent_errors_are_not_tried_again(studio, error):
    before = studio.film()
    studio.clips = FakeClips(studio.clips.worker, {"scene_1": [error] * 9})
    assert str(error) in errors_of(studio.run("reroll_scene_1", {"scene_1": {"seed": 77}}))
    assert studio.clips.calls == ["scene_1"]
    assert studio.film() == before


def test_a_failed_scene_keeps_its_siblings_so_that_the_next_run_makes_it_alone(empty_studio, finished, shelf):
    shutil.copytree(finished.settings.uploads, empty_studio.settings.uploads)
    empty_studio.clips = FakeClips(shelf, {"scene_2": [BadOutput("Broken.")]})
    assert not empty_studio.run().success
    assert sorted(empty_studio.clips.calls) == IN_FILM
    assert media(empty_studio.made()) == media(finished.film())
    assert empty_studio.clips.calls == ["scene_2"]


def test_a_refused_clip_replaces_nothing_and_shows_as_a_failed_check(studio):
    before = studio.film()
    wrong = studio.store.media_path(scene(before, "scene_6").take.media.key)
    studio.clips = FakeClips(studio.clips.worker, {"scene_1": [wrong]})
    result = studio.run("reroll_scene_1", {"scene_1": {"seed": 77}})
    assert "first frame is the first photo" in errors_of(result)
    assert studio.clips.calls == ["scene_1"]
    assert studio.film() == before
    assert len(studio.store.keys(f"takes/{studio.campaign}/scene_1")) == 1
    assert latest_check(studio, "scene_1", "starts_and_ends_on_its_photos").passed is False
    assert latest_check(studio, "scene_1", "picture_format").passed is True


def test_a_refused_track_replaces_nothing_and_shows_as_a_failed_check(studio, tmp_path):
    import wave

    before = studio.film()
    with wave.open(str(tmp_path / "silence.wav"), "wb") as silence:
        silence.setparams((2, 2, 48_000, 0, "NONE", ""))
        silence.writeframes(bytes(4 * 48_000 * 6))
    studio.tracks = FakeTracks(studio.tracks.worker, [tmp_path / "silence.wav"])
    assert "LUFS" in errors_of(studio.run("film", {"brief": {"mood": "calm"}}))
    assert studio.film() == before
    assert latest_check(studio, "audio_track", "loudness").passed is False
    assert latest_check(studio, "audio_track", "length").passed is True


def test_a_film_is_not_joined_from_pieces_that_were_not_ordered(studio):
    """A scene was edited, and somebody re-rolls another one alone."""
    before = studio.film()
    add_edit(studio.store, studio.campaign, Edit(scene="scene_2", values={"seed": 8}))
    assert "clips are those ordered: scene_2" in errors_of(studio.run("reroll_scene_1"))
    assert studio.film() == before


def latest_check(studio: Studio, asset: str, check: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    record = studio.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    return record.evaluation


def test_a_broken_photo_that_the_brief_names_does_not_stop_the_film(studio):
    (studio.folder / "bathroom.jpg").write_bytes(b"\xff\xd8\xff" + b"torn")
    (studio.folder / "campaign.yaml").write_text(
        BRIEF + "photos: {use: [bathroom], never: [bathroom.jpg], rooms: {bathroom: bathroom, kitchen: dining}}\n"
    )
    after = studio.made()
    assert [each.file for each in studio.record("uploaded_photos", UploadedPhotos).rejected] == ["bathroom.jpg"]
    assert scene(after, "scene_6").first == "kitchen.jpg"


def test_a_photo_that_the_brief_misspells_is_told(studio):
    (studio.folder / "campaign.yaml").write_text(BRIEF + "photos: {use: [kitchn]}\n")
    assert "Did you mean 'kitchen.jpg'" in errors_of(studio.run())


# --- what the UI shows


@pytest.fixture(scope="module")
def shown(finished) -> dict[str, dict[str, dg.MetadataValue]]:
    """Metadata of the last materialization of each asset."""
    found = {}
    for asset in ASSETS:
        event = finished.instance.get_latest_materialization_event(dg.AssetKey(asset))
        found[asset] = dict(event.asset_materialization.metadata)
    return found


@pytest.mark.parametrize(
    ("asset", "label"),
    [
        ("uploaded_photos", "contact sheet"),
        ("scene_2", "first, middle, last frame"),
        ("audio_track", "waveform and cuts"),
        ("final_video", "contact sheet"),
    ],
)
def test_pictures_are_shown_in_place_and_small(shown, tmp_path, asset, label):
    found = re.fullmatch(r"!\[.+\]\(data:image/(jpeg|png);base64,(.+)\)", shown[asset][label].value)
    file = tmp_path / "shown"
    file.write_bytes(base64.b64decode(found[2]))
    assert file.stat().st_size < 20_000
    with Image.open(file) as image:
        assert image.width >= 480


@pytest.mark.parametrize(
    ("asset", "label", "rows"),
    [
        ("brief", "scenes", 7),
        ("uploaded_photos", "verdicts", 4),
        ("photo_analysis", "photos", 4),
        ("selected_pairs", "pairs", 7),
        ("orders", "orders", 4),
        ("scene_2", "measures", 1),
        ("final_video", "scenes", 7),
    ],
)
def test_tables_have_a_row_for_everything(shown, asset, label, rows):
    assert len(shown[asset][label].value.records) == rows


def test_the_shot_list_tells_why_and_how_sure(shown):
    row = shown["selected_pairs"]["pairs"].value.records[1].data
    assert (row["first"], row["last"], row["confidence"]) == ("bedroom-1.jpg", "bedroom-2.jpg", 0.9)
    assert "bedroom-1.jpg shows the bedroom" in row["why"]


def test_the_shot_list_shows_a_thumbnail_of_every_photo(shown):
    markdown = shown["selected_pairs"]["shot list"].value
    assert markdown.count("data:image/jpeg;base64,") == 4
    assert len(markdown) < 60_000


def test_the_film_has_a_link_that_plays_it(shown, finished):
    assert shown["final_video"]["play"].value == f"http://127.0.0.1:3030/films/{finished.campaign}"
    assert Path(shown["final_video"]["file"].value).is_file()


def test_a_scene_that_is_left_out_shows_why(shown):
    assert shown["scene_3"]["left out"].value == "No photo is left that shows bathroom vanity."


def test_every_check_of_a_good_film_is_reported_once_and_those_about_scarce_photos_warn(finished):
    run = finished.instance.get_runs()[-1]
    events = finished.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [event.dagster_event.asset_check_evaluation_data for event in events]
    failed = {(each.asset_key.to_user_string(), each.check_name): each.severity for each in found if not each.passed}
    warn = dg.AssetCheckSeverity.WARN
    assert failed == {
        ("uploaded_photos", "photos_for_every_scene"): warn,
        ("selected_pairs", "every_scene_filled"): warn,
    }
    assert len(found) == len({(each.asset_key, each.check_name) for each in found})


# --- what never leaves the house


def test_places_and_serial_numbers_of_cameras_are_in_no_output(finished):
    original = (finished.folder / "pool.jpg").read_bytes()
    assert all(secret.encode() in original for secret in SECRETS)
    outputs = [path for path in finished.settings.store.rglob("*") if path.is_file()]
    assert {path.suffix for path in outputs} >= {".jpg", ".mp4", ".wav", ".json", ".parquet"}
    for path in outputs:
        content = path.read_bytes()
        assert not any(secret.encode() in content for secret in SECRETS), path
        if path.suffix == ".jpg":
            with Image.open(path) as image:
                assert len(image.getexif()) == 0
        if path.suffix == ".mp4":
            assert b"GPS" not in content[-4096:] + content[:65536]


def test_the_film_names_the_property_and_never_the_brand(finished):
    film = finished.store.media_path(finished.film().media.key)
    tags = probe(film).tags
    assert tags["title"] == "Oak Street 12"
    assert "heated pool" in tags["comment"]
    content = film.read_bytes()
    for brand in ("Marta Ilves", "555 0199", "marta@agency", "agency.example", "Costa Lenta"):
        assert brand.encode() not in content, brand


def test_orders_carry_prices_and_the_embedded_provider_costs_nothing(finished):
    orders = finished.record("orders", Orders)
    assert sum(order.cost_usd for order in orders.scenes) + orders.track.cost_usd == 0.0
    assert finished.film().cost_usd == 0.0
