"""What the UI shows of a film that hosted models made: prices before, progress meanwhile, and who stands in after."""

from collections.abc import Iterator

import dagster as dg
import pytest
from fakes import Shelf
from hosted_kit import HOSTED_BRIEF, KLING, STABLE, VEO, Shop, open_shop, serve
from nearest_frame import NearestFrame
from studio_kit import write_photo

NAMES = ("pool", "bedroom-1", "bedroom-2", "kitchen")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> Iterator[Shop]:
    """Scene 2 is refused by every model; what is said to people is in `said`."""
    root = tmp_path_factory.mktemp("shown")
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.ephemeral() as ephemeral,
        serve(root / "outputs") as service,
    ):
        patch.setattr("property_video.media.conform.InBetween", NearestFrame)
        shop = open_shop(root, ephemeral, shelf, service)
        for seed, name in enumerate(NAMES, start=1):
            write_photo(shop.studio.folder / f"{name}.jpg", seed)
        shop.brief(HOSTED_BRIEF)
        service.knob("fail", route="run", nth=(2, 5), value="flagged as sensitive. (E005)")
        yield shop


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(shop: Shop, said: list[str]) -> dg.ExecuteInProcessResult:
    shop.studio.replacements["say"] = dg.ResourceDefinition.hardcoded_resource(said.append)
    result = shop.studio.run()
    assert result.success
    return result


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.MetadataValue]:
    (event,) = result.asset_materializations_for_node(asset)
    return dict(event.metadata)


def test_orders_show_the_price_of_every_call_before_it_is_paid(result: dg.ExecuteInProcessResult):
    shown = metadata(result, "orders")
    rows = [record.data for record in shown["orders"].records]
    assert [(row["piece"], row["provider"], row["state"], row["estimate in USD"]) for row in rows] == [
        ("scene_1", VEO, "to be made", 0.40),
        ("scene_2", VEO, "to be made", 0.40),
        ("scene_6", VEO, "to be made", 0.40),
        ("audio_track", STABLE, "to be made", 0.20),
    ]
    assert shown["estimate in USD"].value == pytest.approx(1.40)
    assert shown["budget in USD"].value == 12.0


def test_progress_is_told_by_scene(result: dg.ExecuteInProcessResult, said: list[str]):
    told = [line for line in said if line.startswith("Hosted models: ")]
    assert told[0] == "Hosted models: 4 loading, 0 done, 0 failed (scene_1, scene_2, scene_6, audio_track)"
    assert told[-1] == "Hosted models: 0 loading, 3 done, 1 failed"


def test_a_film_in_which_somebody_stands_in_is_marked(result: dg.ExecuteInProcessResult, shop: Shop):
    warned = {
        each.asset_key.to_user_string(): each
        for each in result.get_asset_check_evaluations()
        if each.check_name == "made_by" and not each.passed
    }
    assert warned.keys() == {"scene_2", "final_video"}
    assert all(each.severity == dg.AssetCheckSeverity.WARN for each in warned.values())
    reason = str(warned["final_video"].metadata["made by whom it was asked of first"].value)
    assert f"scene_2: {VEO}: flagged as sensitive. (E005) {KLING}: flagged" in reason
    assert "property-video upgrade CAMPAIGN --fallen" in reason
    assert metadata(result, "final_video")["fell"].value == "scene_2"
    assert "E005" in str(metadata(result, "scene_2")["fell"].value)
    shop.settled()


def test_what_this_run_bought_was_not_found(result: dg.ExecuteInProcessResult, shop: Shop):
    assert not any(clip.found for clip in shop.studio.film().scenes)
    assert not shop.studio.film().track.found
