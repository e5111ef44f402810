"""A film that hosted models made: what is bought, what is found, who stands in."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from fakes import Shelf
from hosted_kit import HOSTED_BRIEF, KLING, PRICES, STABLE, VEO, NearestFrame, Shop, open_shop, serve
from studio_kit import BRIEF, why, write_photo

from property_video.core.outputs import Clip, Film


@pytest.fixture(scope="module", autouse=True)
def cheap_frames_in_between() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("property_video.media.conform.InBetween", NearestFrame)
        yield


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What emulated models make, made once."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def first_shop(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf, outputs: Path) -> Iterator[Shop]:
    """A film of three scenes and a track, all bought. Shared: look at it, never change it."""
    root = tmp_path_factory.mktemp("bought")
    with dg.DagsterInstance.ephemeral() as ephemeral, serve(outputs) as service:
        shop = open_shop(root, ephemeral, shelf, service)
        for seed, name in enumerate(("pool", "bedroom-1", "bedroom-2", "kitchen"), start=1):
            write_photo(shop.studio.folder / f"{name}.jpg", seed, private=True)
        shop.brief(HOSTED_BRIEF)
        shop.studio.made()
        yield shop


@pytest.fixture
def empty_shop(tmp_path: Path, instance: dg.DagsterInstance, shelf: Shelf, outputs: Path) -> Iterator[Shop]:
    """Photos of three scenes, nothing made."""
    with serve(outputs) as service:
        shop = open_shop(tmp_path, instance, shelf, service)
        for seed, name in enumerate(("pool", "bedroom-1", "bedroom-2", "kitchen"), start=1):
            write_photo(shop.studio.folder / f"{name}.jpg", seed, private=True)
        shop.brief(HOSTED_BRIEF)
        yield shop


@pytest.fixture
def shop(first_shop: Shop, tmp_path: Path, instance: dg.DagsterInstance, shelf: Shelf, outputs: Path) -> Iterator[Shop]:
    """A copy of the bought film, to change; its service remembers nothing."""
    for part in ("store", "uploads"):
        shutil.copytree(first_shop.studio.settings.home.parent / part, tmp_path / part)
    with serve(outputs) as service:
        yield open_shop(tmp_path, instance, shelf, service)


def scene(film: Film, key: str) -> Clip:
    return next(clip for clip in film.scenes if clip.scene == key)


def makers(film: Film) -> dict[str, str]:
    return {clip.scene: clip.take.provider for clip in film.scenes if clip.take} | {"track": film.track.provider}


ALL_HOSTED = {"scene_1": VEO, "scene_2": VEO, "scene_6": VEO, "track": STABLE}
ALL_EMBEDDED = dict.fromkeys(ALL_HOSTED, "embedded")
WHOLE = 3 * PRICES[VEO] + PRICES[STABLE]


def test_every_piece_is_bought_once_and_the_ledger_is_the_bill(first_shop: Shop):
    film = first_shop.studio.film()
    assert makers(film) == ALL_HOSTED
    assert film.cost_usd == pytest.approx(WHOLE)
    assert [clip.attempts for clip in film.scenes if clip.take] == [1, 1, 1]
    assert all(not clip.fell for clip in film.scenes)
    first_shop.settled()


def test_bought_clips_come_near_their_photos_and_say_how_near(first_shop: Shop):
    takes = [clip.take for clip in first_shop.studio.film().scenes if clip.take]
    assert all(take.conformed and take.conformed.ssim_first and take.conformed.ssim_first > 0.5 for take in takes)


def test_the_embedded_provider_is_not_asked_when_all_is_bought(first_shop: Shop):
    assert (first_shop.studio.clips.calls, first_shop.studio.tracks.calls) == ([], [])


def test_a_second_run_finds_everything_and_buys_nothing(shop: Shop):
    before = shop.studio.film()
    after = shop.studio.made()
    assert after.found
    assert all(clip.found for clip in after.scenes if clip.take)
    assert after.track.found
    assert after.cost_usd == before.cost_usd
    assert shop.service.calls == []


@pytest.mark.slow
def test_a_lost_take_is_made_again_from_what_was_bought(shop: Shop):
    take = scene(shop.studio.film(), "scene_1").take
    assert take is not None
    shop.studio.store.remove(take.media.key)
    after = scene(shop.studio.made(), "scene_1")
    assert after.take is not None
    assert after.take.provider == VEO
    assert (after.fell, shop.service.created()) == ((), [])


@pytest.mark.slow
def test_a_lost_take_whose_original_is_lost_too_is_not_bought_again(shop: Shop):
    take = scene(shop.studio.film(), "scene_1").take
    assert take is not None
    journal = shop.studio.store.path("journal")
    raw = next(
        json.loads(event.read_text())["raw"]
        for event in journal.rglob("*.json")
        if "scene_1" in str(event) and "downloaded" in event.read_text()
    )
    shop.studio.store.remove(take.media.key)
    shop.studio.store.remove(raw)
    after = scene(shop.studio.made(), "scene_1")
    assert after.take is not None
    assert after.take.provider == "embedded"
    assert "not in the store any more" in after.fell[0]
    assert shop.service.created() == []


def test_an_edit_brings_the_embedded_take_and_then_the_bought_one_for_nothing(shop: Shop):
    embedded = shop.studio.made("reroll_scene_1", {"scene_1": {"video": "embedded"}})
    assert scene(embedded, "scene_1").take.provider == "embedded"
    assert embedded.cost_usd == pytest.approx(WHOLE - PRICES[VEO])
    back = shop.studio.made("reroll_scene_1", {"scene_1": {"video": f"{VEO},{KLING}"}})
    assert scene(back, "scene_1").take.provider == VEO
    assert shop.service.created() == []


def test_a_take_that_a_person_pins_stays_whatever_else_changes(shop: Shop):
    bought = scene(shop.studio.film(), "scene_1").take
    pinned = shop.studio.made("reroll_scene_1", {"scene_1": {"take": bought.fingerprint, "seed": 9}})
    assert scene(pinned, "scene_1").take == bought
    assert scene(pinned, "scene_1").cost_usd == pytest.approx(PRICES[VEO])
    assert shop.service.created() == []


@pytest.mark.slow
def test_one_scene_is_bought_for_an_embedded_film_and_the_others_stay(empty_shop: Shop):
    empty_shop.brief(BRIEF)
    before = empty_shop.studio.made()
    assert makers(before) == ALL_EMBEDDED
    assert empty_shop.service.calls == []
    empty_shop.brief(f"{BRIEF}scenes: {{6: {{video: ['{KLING}']}}}}\nbudget_usd: 3\n")
    after = empty_shop.studio.made()
    assert makers(after) == {**ALL_EMBEDDED, "scene_6": KLING}
    assert after.cost_usd == pytest.approx(PRICES[KLING])
    assert empty_shop.studio.clips.calls == []
    empty_shop.settled()


def test_a_film_whose_models_all_fail_is_embedded_and_marked(empty_shop: Shop):
    empty_shop.service.knob("fail", route="", value="The input or output was flagged as sensitive. (E005)")
    film = empty_shop.studio.made()
    assert makers(film) == ALL_EMBEDDED
    assert film.cost_usd == 0.0
    assert [reason.split(":")[0] for reason in scene(film, "scene_1").fell]
    assert all("E005" in reason for reason in scene(film, "scene_1").fell)
    empty_shop.settled()


def test_a_budget_that_is_too_small_buys_what_it_can_and_never_more(empty_shop: Shop):
    empty_shop.brief(HOSTED_BRIEF.replace("12.00", "0.90"))
    film = empty_shop.studio.made()
    assert sorted(makers(film).values()).count(VEO) == 2
    assert film.cost_usd <= 0.90
    assert any("budget" in reason for clip in film.scenes for reason in clip.fell)
    empty_shop.settled()


def test_without_a_key_the_film_is_embedded_and_says_why(empty_shop: Shop):
    studio = empty_shop.studio
    studio.settings = replace(studio.settings, services={})
    studio.replacements["means"] = empty_shop.means()
    film = studio.made()
    assert makers(film) == ALL_EMBEDDED
    assert "There is no key for replicate" in scene(film, "scene_1").fell[0]
    assert empty_shop.service.calls == []


def test_hosted_work_without_a_budget_is_refused(empty_shop: Shop):
    empty_shop.brief(f"{BRIEF}providers: {{video: ['{VEO}']}}\n")
    result = empty_shop.studio.run()
    assert not result.success
    assert "nobody said how much" in why(result)
    assert empty_shop.service.calls == []


def test_a_key_alone_spends_nothing(empty_shop: Shop):
    empty_shop.brief(BRIEF)
    assert makers(empty_shop.studio.made()) == ALL_EMBEDDED
    assert empty_shop.service.calls == []


def test_no_key_and_no_signed_link_is_in_anything_that_a_run_wrote(first_shop: Shop):
    token = first_shop.service.token.encode()
    files = [path for path in first_shop.studio.settings.home.parent.rglob("*") if path.is_file()]
    assert len(files) > 30
    for path in files:
        content = path.read_bytes()
        assert token not in content, path
        if path.suffix == ".json":
            assert not re.search(rb"https?://[^\s\"]*\?[^\s\"]*", content), path
