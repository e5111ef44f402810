"""The registry of hosted models and what follows from it: lengths, sizes, prices, exact inputs."""

import pytest

from property_video.core.errors import BadInput
from property_video.core.models import (
    NATIVE,
    clip_input,
    frame_size,
    music_input,
    music_length,
    music_price,
    music_usable,
    parse_registry,
    purchase,
    usable,
)
from property_video.core.storyboard import LONGEST_SCENE_S, SHORTEST_SCENE_S
from property_video.providers.registry import load_registry

REGISTRY = load_registry()
VIDEO, MUSIC = REGISTRY.video, REGISTRY.music

FIRST_AND_LAST = {
    "google/veo-3.1", "google/veo-3.1-fast", "kwaivgi/kling-v2.5-turbo-pro", "kwaivgi/kling-v2.1",
    "kwaivgi/kling-v3-video", "minimax/hailuo-02", "bytedance/seedance-1-pro", "bytedance/seedance-1-lite",
    "bytedance/seedance-1.5-pro", "bytedance/seedance-2.0", "wan-video/wan-2.2-i2v-fast", "wan-video/wan-2.7-i2v",
    "luma/ray-2-540p", "luma/ray-2-720p", "luma/ray-flash-2-540p", "luma/ray-flash-2-720p", "pixverse/pixverse-v5",
}  # fmt: skip
SCENES = [SHORTEST_SCENE_S, 3.0, 3.7, 4.0, 5.0, 6.0, 7.5, 8.0, LONGEST_SCENE_S]


def test_the_models_that_take_a_first_and_a_last_frame_are_known():
    assert {slug for slug, model in VIDEO.items() if model.inputs.last is not None} == FIRST_AND_LAST


@pytest.mark.parametrize("model", VIDEO.values(), ids=lambda model: model.slug)
def test_no_clip_is_ordered_shorter_than_its_scene_or_larger_than_the_film(model):
    for seconds in SCENES:
        if usable(model, seconds, 1) is None:
            bought = purchase(model, round(seconds * 30))
            assert bought.seconds >= seconds - 1e-6
            assert bought.length in model.lengths.values
            assert bought.pixels[1] <= 1088 and bought.usd > 0
            assert bought.length in (model.sizes[bought.size].lengths or model.lengths.values)


def test_most_models_can_make_a_scene_of_four_seconds():
    assert [slug for slug, model in VIDEO.items() if usable(model, 4.0, 1)] == ["pixverse/pixverse-v5"]


@pytest.mark.parametrize(
    ("slug", "seconds", "length", "frames", "size", "usd"),
    [
        ("kwaivgi/kling-v2.5-turbo-pro", 4.0, 5, 120, NATIVE, 0.35),  # exactly the frames of 4 s at 30
        ("bytedance/seedance-1-pro", 4.0, 5, 120, "1080p", 0.75),  # 4 s would be 96 frames
        ("google/veo-3.1-fast", 4.0, 4, 96, "1080p", 0.40),  # no length is exact: the cheapest
        ("google/veo-3.1-lite", 4.0, 4, 96, "720p", 0.20),  # 1080p would force 8 s
        ("minimax/hailuo-02", 4.0, 6, 144, "1080p", 0.48),
        ("minimax/hailuo-02", 7.0, 10, 240, "768p", 0.45),  # 10 s exist at 768p only
        ("minimax/hailuo-02", 2.0, 6, 144, "1080p", 0.48),  # 10 s of 768p are cheaper, and five times too long
        ("wan-video/wan-2.2-i2v-fast", 4.0, 96, 96, "720p", 0.11),  # one price: as many frames as do not hurry it
        ("kwaivgi/kling-v2.5-turbo-pro", 8.0, 10, 240, NATIVE, 0.70),
        ("kwaivgi/kling-v3-video", 4.0, 5, 120, "pro", 1.12),
    ],
)
def test_the_length_is_the_one_that_gives_the_scenes_frames_best(slug, seconds, length, frames, size, usd):
    bought = purchase(VIDEO[slug], round(seconds * 30))
    assert (bought.length, bought.frames, bought.size, bought.usd) == (length, frames, size, pytest.approx(usd))


@pytest.mark.parametrize(
    ("slug", "seconds", "photos", "reason"),
    [
        ("google/veo-3.1", 9.0, 2, "at most 8 s"),
        ("pixverse/pixverse-v5", 4.0, 2, "Nobody knows"),
        ("google/veo-3-fast", 4.0, 2, "first photo only"),
        ("google/veo-3-fast", 4.0, 1, None),
        ("minimax/hailuo-02", 9.0, 2, None),
    ],
)
def test_a_model_that_cannot_make_a_scene_says_why(slug, seconds, photos, reason):
    said = usable(VIDEO[slug], seconds, photos)
    assert said is None if reason is None else reason in said


@pytest.mark.parametrize("model", VIDEO.values(), ids=lambda model: model.slug)
def test_every_input_that_costs_money_is_said_and_none_is_unknown(model):
    if usable(model, 4.0, 1):
        return
    last = "https://x/b.jpg" if model.inputs.last else None
    sent = clip_input(model, purchase(model, 120), "words", "nothing", "https://x/a.jpg", last, 5)
    names = {key for key in model.inputs.model_dump().values() if key}
    assert set(sent) <= names | set(model.fixed)
    for key in (model.inputs.length, model.inputs.size, model.inputs.sound, model.inputs.last, *model.fixed):
        assert key is None or key in sent
    assert set(model.required) <= set(sent)
    if model.inputs.sound:
        assert sent[model.inputs.sound] is False
    if model.inputs.aspect:
        assert sent[model.inputs.aspect] in model.aspects


def test_a_seed_and_a_negative_prompt_go_only_to_models_that_have_them():
    kling = clip_input(VIDEO["kwaivgi/kling-v2.5-turbo-pro"], purchase(VIDEO["kwaivgi/kling-v2.5-turbo-pro"], 120),
                       "p", "n", "https://a", "https://b", 5)  # fmt: skip
    assert kling == {
        "prompt": "p", "negative_prompt": "n", "start_image": "https://a", "end_image": "https://b", "duration": 5,
        "aspect_ratio": "16:9",
    }  # fmt: skip


def test_a_prompt_is_cut_after_a_whole_word():
    model = VIDEO["kwaivgi/kling-v3-video"]
    sent = clip_input(model, purchase(model, 120), "word " * 600, "", "https://a", "https://b", 5)
    assert len(sent["prompt"]) <= 2500 and sent["prompt"].endswith("word")


def test_photos_are_sent_in_the_size_of_the_clip():
    assert frame_size(purchase(VIDEO["google/veo-3.1-lite"], 120)) == (1280, 720)
    assert frame_size(purchase(VIDEO["bytedance/seedance-1-pro"], 120)) == (1920, 1080)


@pytest.mark.parametrize(
    ("slug", "length", "usd"),
    [
        ("stability-ai/stable-audio-2.5", 29, 0.20),
        ("elevenlabs/music", 28_500, 0.23655),
        ("google/lyria-2", None, 0.06),
        ("google/lyria-3", None, 0.04),
    ],
)
def test_music_is_ordered_in_the_models_own_unit(slug, length, usd):
    model = MUSIC[slug]
    assert music_usable(model, 28.5) is None
    assert music_length(model, 28.5) == length
    assert music_price(model, 28.5) == pytest.approx(usd)
    sent = music_input(model, "calm", "vocals", 28.5, 3)
    assert sent.get(model.inputs.length or "") == length
    assert set(sent) <= {key for key in model.inputs.model_dump().values() if key} | set(model.fixed)


def test_a_licence_that_forbids_films_is_refused_unless_allowed():
    musicgen = MUSIC["meta/musicgen"]
    assert "CC-BY-NC" in (music_usable(musicgen, 28) or "")
    assert music_usable(musicgen, 28, allow_non_commercial=True) is None
    assert music_usable(musicgen, 120, allow_non_commercial=True) is None  # link by link, however long
    assert musicgen.time_billed and music_price(musicgen, 19) == pytest.approx(0.14)


def test_a_track_that_is_too_long_or_has_no_price_is_refused():
    assert "at most 30 s" in (music_usable(MUSIC["google/lyria-3"], 31) or "")
    assert "Nobody knows" in (music_usable(MUSIC["google/lyria-3-pro"], 28) or "")


def test_a_registry_that_breaks_a_rule_names_it():
    broken = {
        "inputs": {"prompt": "p", "first": "f", "length": "d", "size": "s"},
        "lengths": {"allowed": [5]},
        "fps": 24,
        "per": "second",
        "sizes": {NATIVE: {"pixels": [1, 1], "usd": 1}},
        "checked": "2026-01-01",
    }
    with pytest.raises(BadInput, match="size input"):
        parse_registry({"video": {"some/model": broken}, "music": {}, "choice": {}})
