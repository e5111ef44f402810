"""Chains of music: where each link goes on, how long it is, what is sent."""

import itertools

import pytest

from property_video.core.music_chain import MOST_CONTEXT_S, link_input, plan_chain
from property_video.providers.registry import load_registry

MUSICGEN = load_registry().music["meta/musicgen"]


def test_links_of_four_seconds_go_on_from_all_there_is_up_to_the_limit():
    links = plan_chain([(f"scene {n}", 4.0) for n in range(1, 8)])
    assert [link.context_s for link in links] == [0, 4, 8, 12, 15, 15, 15]
    assert [link.length_s for link in links] == [4, 8, 12, 16, 19, 19, 20]
    assert (links[0].begin_s, links[-1].end_s) == (0.0, 29.0)


@pytest.mark.parametrize("seconds", [2.0, 3.3333333, 4.5, 7.03, 10.0])
def test_every_link_is_long_enough_and_within_what_the_model_hears(seconds):
    links = plan_chain([("x", seconds)] * 7)
    for link in links:
        assert link.context_s <= min(MOST_CONTEXT_S, link.begin_s + 1e-5)
        assert link.length_s - link.context_s >= link.end_s - link.begin_s - 1e-5
        assert link.length_s <= 30
    assert all(a.end_s == b.begin_s for a, b in itertools.pairwise(links))


def test_sums_of_frames_lose_no_second_to_binary_dust():
    links = plan_chain([("x", 0.1)] * 30 + [("y", 4.0)])
    assert links[-1].context_s == 3


def test_the_first_link_starts_and_the_others_go_on():
    first, second = plan_chain([("a", 4.0), ("b", 4.0)])
    assert link_input(MUSICGEN, first, None, 0) == {
        "prompt": "a", "duration": 4, "seed": 1, "model_version": "stereo-melody-large",
        "normalization_strategy": "clip", "output_format": "wav", "multi_band_diffusion": False,
    }  # fmt: skip
    going_on = link_input(MUSICGEN, second, "https://x/tail.wav", 7)
    assert going_on["continuation"] is True and going_on["input_audio"] == "https://x/tail.wav"
    assert (going_on["duration"], going_on["seed"], "continuation_end" in going_on) == (9, 7, False)


def test_a_link_without_its_context_is_refused():
    second = plan_chain([("a", 4.0), ("b", 4.0)])[1]
    with pytest.raises(ValueError, match="goes on from 4 s"):
        link_input(MUSICGEN, second, None, 7)
    with pytest.raises(ValueError, match="does not go on"):
        link_input(load_registry().music["google/lyria-3"], second, "https://x", 7)
