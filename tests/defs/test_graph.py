"""The graph's shape: what exists, what depends on what, what a launch runs. A change here is seen by everyone."""

import dagster as dg
import pytest

from property_video.core.storyboard import SCENE_KEYS
from property_video.definitions import build_defs

DEPS = {
    "brief": [],
    "uploaded_photos": [],
    "photo_analysis": ["brief", "uploaded_photos"],
    "selected_pairs": ["brief", "photo_analysis", "uploaded_photos"],
    "orders": ["brief", "photo_analysis", "selected_pairs", "uploaded_photos"],
    **{scene: ["orders"] for scene in SCENE_KEYS},
    "audio_track": ["orders"],
    "final_video": ["audio_track", "orders", *SCENE_KEYS],
    "portfolio": ["final_video"],
}

CHECKS = {
    "uploaded_photos": {"usable_photos", "photos_for_every_scene", "every_file_usable"},
    "photo_analysis": {"chosen_by"},
    "selected_pairs": {"scenes", "photos_differ", "every_scene_filled", "chosen_by"},
    **{scene: {"picture_format", "starts_and_ends_on_its_photos", "moves", "made_by"} for scene in SCENE_KEYS},
    "audio_track": {"length", "loudness", "made_by"},
    "final_video": {"picture_format", "sound_format", "length", "loudness", "plays_at_once", "made_by"},
}


@pytest.fixture(scope="module")
def defs(tmp_path_factory) -> dg.Definitions:
    from studio_kit import settings_in

    return build_defs(settings_in(tmp_path_factory.mktemp("graph")))


@pytest.fixture(scope="module")
def specs(defs) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def assets_of(defs: dg.Definitions, job: str) -> set[str]:
    layer = defs.resolve_job_def(job).asset_layer
    return {key.to_user_string() for key in layer.executable_asset_keys}


def test_the_definitions_load(defs):
    dg.Definitions.validate_loadable(defs)


def test_the_front_door_is_what_workspace_and_dg_load():
    from property_video import definitions

    assert isinstance(definitions.defs, dg.Definitions)


def test_assets_and_what_they_depend_on(specs):
    found = {name: sorted(dep.asset_key.to_user_string() for dep in spec.deps) for name, spec in specs.items()}
    assert found == DEPS


def test_every_asset_says_what_it_is_for_who_owns_it_and_which_code_makes_it(specs):
    for name, spec in specs.items():
        assert spec.description, name
        assert len(spec.description) > 40, name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.code_version, name
        assert spec.group_name not in (None, "default"), name


def test_every_asset_but_the_portfolio_has_a_partition_for_each_campaign(specs):
    parted = {name for name, spec in specs.items() if spec.partitions_def is not None}
    assert parted == DEPS.keys() - {"portfolio"}
    assert {specs[name].partitions_def.name for name in parted} == {"campaign"}


def test_checks(defs):
    found: dict[str, set[str]] = {}
    for key in defs.resolve_asset_graph().asset_check_keys:
        found.setdefault(key.asset_key.to_user_string(), set()).add(key.name)
    assert found == CHECKS


def test_the_film_job_makes_everything_of_a_campaign(defs):
    assert assets_of(defs, "film") == DEPS.keys() - {"portfolio"}


@pytest.mark.parametrize("scene", SCENE_KEYS)
def test_a_reroll_makes_its_scene_and_what_follows(defs, scene):
    assert assets_of(defs, f"reroll_{scene}") == {scene, "audio_track", "final_video"}


def test_jobs_and_sensors(defs):
    names = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert names == {"film", "housekeeping", *(f"reroll_{scene}" for scene in SCENE_KEYS)}
    repository = defs.get_repository_def()
    assert {sensor.name for sensor in repository.sensor_defs} == {"uploads_sensor", "outbox_sensor", "portfolio_sensor"}
    assert all(sensor.default_status == dg.DefaultSensorStatus.RUNNING for sensor in repository.sensor_defs)


def test_scenes_come_before_the_track(defs):
    """The in-process executor would otherwise run the track first, and a bad scene would be known later."""
    layer = defs.resolve_job_def("film").asset_layer
    tags = {key.to_user_string(): layer.get(key).assets_def.op.tags for key in layer.executable_asset_keys}
    priority = {name: int(found.get("dagster/priority", 0)) for name, found in tags.items()}
    assert max(priority, key=priority.__getitem__) in SCENE_KEYS
    assert min(priority, key=priority.__getitem__) == "audio_track"


def test_resources_can_be_replaced_by_plain_objects(tmp_path):
    from studio_kit import settings_in

    clips = object()
    assert build_defs(settings_in(tmp_path), clips=clips).resources["clips"] is clips
