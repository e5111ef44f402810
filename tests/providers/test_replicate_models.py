"""Every model of the registry, ordered through the real client: what the emulator accepts, makes and bills."""

import time

import pytest

from property_video.core.model_drift import drift
from property_video.core.models import clip_input, music_input, music_price, purchase, usable
from property_video.core.music_chain import link_input, plan_chain
from property_video.media.join_music import extend_track, save_context
from property_video.providers.hosted import TERMINAL
from property_video.providers.registry import load_registry

REGISTRY = load_registry()
USABLE = [model for model in REGISTRY.video.values() if usable(model, 4.0, 1) is None]
SINGLE = [model for model in REGISTRY.music.values() if model.usd is not None and not model.continues]


def ended(api, placed):
    for _ in range(1000):
        prediction = api.get(placed.id)
        if prediction.status in TERMINAL:
            return prediction
        time.sleep(0.01)
    raise AssertionError("the prediction does not end")


@pytest.mark.parametrize("model", USABLE, ids=lambda model: model.slug)
def test_a_clip_of_each_model_has_its_rate_and_length_and_costs_what_was_said(model, service, api, photos, tmp_path):
    import av

    bought = purchase(model, 120)
    first, last = api.upload(photos[0], "a.jpg").url, api.upload(photos[1], "b.jpg").url
    sent = clip_input(model, bought, "A slow push-in.", "people", first, last if model.inputs.last else None, 7)
    done = ended(api, api.create(model.slug, model.version, sent, cancel_after_s=1200))
    assert (done.status, done.error) == ("succeeded", "")
    api.download(done.output, tmp_path / "clip.mp4", limit_bytes=50_000_000, expect="video")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.frames, float(stream.average_rate)) == (bought.frames, model.fps)
        by_itself = model.sound is not None and model.sound.by_default and model.inputs.sound is None
        assert bool(container.streams.audio) == by_itself
    assert service.spent_usd() == pytest.approx(bought.usd)
    assert service.violations == []


@pytest.mark.parametrize("model", SINGLE, ids=lambda model: model.slug)
def test_a_track_in_one_prediction_is_long_enough_and_costs_what_was_said(model, service, api, tmp_path):
    from property_video.media.join_music import save_to_length

    done = ended(api, api.create(model.slug, None, music_input(model, "calm", "", 6.5, 3), cancel_after_s=600))
    assert (done.status, done.error) == ("succeeded", "")
    api.download(done.output, tmp_path / "track", limit_bytes=50_000_000, expect="audio")
    save_to_length(tmp_path / "track", 6.5, tmp_path / "track.f32")
    assert (tmp_path / "track.f32").stat().st_size == 6.5 * 48_000 * 8
    assert service.spent_usd() == pytest.approx(music_price(model, 6.5))
    assert service.violations == []


def test_a_chain_of_music_goes_on_link_by_link(service, api, tmp_path):
    musicgen = REGISTRY.music["meta/musicgen"]
    so_far = None
    for link in plan_chain([("calm", 2.0), ("fuller", 2.5), ("home", 2.0)]):
        address = None
        if so_far is not None:
            save_context(so_far, link, tmp_path / "context.wav")
            address = api.upload(tmp_path / "context.wav", f"context_{link.number}.wav").url
        sent = link_input(musicgen, link, address, 5)
        done = ended(api, api.create(musicgen.slug, musicgen.version, sent, cancel_after_s=600))
        assert (done.status, done.error) == ("succeeded", "")
        api.download(done.output, tmp_path / "link.wav", limit_bytes=50_000_000, expect="audio")
        longer = tmp_path / f"track_{link.number}.f32"
        extend_track(so_far, tmp_path / "link.wav", link, longer)
        so_far = longer
    assert so_far is not None and so_far.stat().st_size == (6.5 + 1.0) * 48_000 * 8
    assert service.spent_usd() == pytest.approx(3 * 0.14)
    assert service.violations == []


def test_a_model_billed_by_time_is_paid_when_it_fails(service, api):
    musicgen = REGISTRY.music["meta/musicgen"]
    service.knob("fail", route="run", value="CUDA out of memory (E1001)")
    sent = link_input(musicgen, plan_chain([("calm", 2.0)])[0], None, 5)
    assert ended(api, api.create(musicgen.slug, musicgen.version, sent, cancel_after_s=600)).status == "failed"
    assert service.spent_usd() == pytest.approx(0.14)


@pytest.mark.parametrize("model", [*REGISTRY.video.values(), *REGISTRY.music.values()], ids=lambda model: model.slug)
def test_what_is_published_today_fits_the_registry(model, service, api):
    assert drift(model, api.published(model.slug, model.version)) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("remove", "end_image", None), "its input end_image is gone"),
        (
            ("add", "generate_audio", {"type": "boolean", "default": True}),
            "a new input generate_audio, True unless told",
        ),
        (("require", "camera", {"type": "string"}), "it now requires camera"),
        (("add", "duration", {"type": "integer", "enum": [6, 10]}), "duration no longer takes 5"),
        (("add", "duration", {"type": "integer", "enum": [3, 5, 10]}), "duration now takes 3 as well"),
    ],
)
def test_what_has_changed_since_is_told(service, api, change, said):
    model = REGISTRY.video["kwaivgi/kling-v2.5-turbo-pro"]
    service.drift[model.slug] = [change]
    assert any(said in line for line in drift(model, api.published(model.slug)))


def test_a_default_that_was_flipped_and_a_model_that_publishes_nothing_are_told(service, api):
    veo = REGISTRY.video["google/veo-3.1"]
    service.drift[veo.slug] = [("default", "generate_audio", False)]
    assert drift(veo, api.published(veo.slug)) == (
        "google/veo-3.1: generate_audio is now False unless told otherwise.",
    )
    assert "nothing is published" in drift(veo, {})[0]
