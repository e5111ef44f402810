"""What a person sees in the sample listing (tests/data/villa_truth.yaml) and what the product makes of it."""

from pathlib import Path

import pytest
import yaml

from property_video.cli import SAMPLE
from property_video.core.pairing import choose_pairs
from property_video.intake.briefs import read_brief
from property_video.intake.photos import analyse, take_in
from property_video.store.local import LocalStore
from property_video.storyboards import load_storyboard

TRUTH = yaml.safe_load((Path(__file__).parents[1] / "data" / "villa_truth.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    store = LocalStore(tmp_path_factory.mktemp("store"))
    uploaded = take_in(store, SAMPLE, lambda done, total: None)
    assert len(uploaded.photos) == len(TRUTH["photos"])
    assert uploaded.rejected == ()
    return analyse(store, uploaded, {}, lambda done, total: None)


def test_the_flaws_that_a_person_sees_are_found_and_no_others(analysis):
    seen = {name: facts["flaw"] for name, facts in TRUTH["photos"].items() if "flaw" in facts}
    found = {verdict.name: verdict.flaws for verdict in analysis.verdicts if verdict.flaws}
    assert found == {name: ({"under_exposed": "dark"}.get(flaw, flaw),) for name, flaw in seen.items()}


def test_the_picture_taken_twice_is_found_and_no_other(analysis):
    twice = {frozenset(pair) for pair in TRUTH["shot_list"]["never_together"]}
    found = {frozenset((v.name, v.duplicate_of)) for v in analysis.verdicts if v.duplicate_of}
    assert found == twice


def test_visits_are_the_places_that_a_person_sees(analysis):
    """The pool was visited twice, by day and at dusk; every other place once."""
    place_of = {name: facts["place"] for name, facts in TRUTH["photos"].items()}
    places = {}
    for verdict in analysis.verdicts:
        places.setdefault(verdict.visit, set()).add(place_of[verdict.name])
    assert all(len(found) == 1 for found in places.values())
    assert len(places) == 7


def test_the_film_keeps_out_what_a_good_editor_would_and_ends_at_dusk(analysis):
    pairs = choose_pairs(load_storyboard("luxury_property"), analysis).pairs
    used = [name for pair in pairs for name in (pair.first, pair.last)]
    assert len(used) == len(set(used)) == 14
    assert not set(used) & set(TRUTH["shot_list"]["never"])
    for number in (1, 7):
        good = TRUTH["shot_list"][number]["good"]
        assert {pairs[number - 1].first, pairs[number - 1].last} <= set(good)


def test_the_samples_brief_is_valid():
    brief = read_brief(SAMPLE / "campaign.yaml")
    assert brief.client == "Costa Lenta Estates"
    assert brief.property.price.amount == 2_450_000
