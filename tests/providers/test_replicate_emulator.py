"""The emulator itself: that it notices what a client must never do, and that its knobs turn."""

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from emulators.chaos import Knobs
from emulators.replicate import INVALID_INPUT, load_models
from PIL import Image

from property_video.core.errors import HostedRefusal
from property_video.core.models import clip_input, purchase
from property_video.core.music_chain import link_input, plan_chain
from property_video.providers.hosted import TERMINAL
from property_video.providers.registry import load_registry

REGISTRY = load_registry()
VEO, KLING = REGISTRY.video["google/veo-3.1-fast"], REGISTRY.video["kwaivgi/kling-v2.5-turbo-pro"]
MUSICGEN = REGISTRY.music["meta/musicgen"]


def sent(api, photos, model=KLING, **changed):
    first, last = api.upload(photos[0], "a.jpg").url, api.upload(photos[1], "b.jpg").url
    return {**clip_input(model, purchase(model, 120), "p", "n", first, last, 7), **changed}


def ended(api, placed):
    for _ in range(400):
        prediction = api.get(placed.id)
        if prediction.status in TERMINAL:
            return prediction
        time.sleep(0.01)
    raise AssertionError("the prediction does not end")


def raw(service, path, body=None, **headers):
    request = Request(f"{service.url}{path}", headers={"Authorization": f"Bearer {service.token}", **headers})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.method = "POST"
    with urlopen(request) as response:
        return response.status, json.loads(response.read() or b"null")


def test_it_bills_for_sound_that_was_not_switched_off(service, api, photos):
    loud = sent(api, photos, VEO)
    del loud["generate_audio"]
    ended(api, api.create(VEO.slug, None, loud, cancel_after_s=600))
    assert service.spent_usd() == pytest.approx(4 * 0.15)
    assert service.violations == ["google/veo-3.1-fast: sound was not switched off"]


def test_it_notices_unknown_inputs_and_may_let_them_pass(service, api, photos):
    with pytest.raises(HostedRefusal, match="seed is not allowed"):
        api.create(KLING.slug, None, sent(api, photos, seed=5), cancel_after_s=600)
    service.unknown_keys = "ignore"
    api.create(KLING.slug, None, sent(api, photos, seed=5), cancel_after_s=600)
    assert service.violations == [f"{KLING.slug} has no input seed"] * 2


def test_it_notices_photos_with_exif_of_two_sizes_or_under_a_used_address(service, api, photos, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a place"
    Image.open(photos[0]).resize((400, 400)).save(tmp_path / "exif.jpg", exif=exif)
    asked = sent(api, (tmp_path / "exif.jpg", photos[1]))
    assert ended(api, api.create(KLING.slug, None, asked, cancel_after_s=600)).status == "succeeded"
    api.create(KLING.slug, None, asked, cancel_after_s=600)
    said = " ".join(service.violations)
    assert "EXIF" in said and "differ in size" in said and "used twice" in said


def test_it_cannot_reach_this_machine_nor_what_is_no_picture(service, api, photos, tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"<html>sign in</html>")
    for first in ("http://localhost:9000/a.jpg", api.upload(tmp_path / "page.jpg", "a.jpg").url):
        failed = ended(api, api.create(KLING.slug, None, sent(api, photos, start_image=first), cancel_after_s=600))
        assert (failed.status, failed.error) == ("failed", INVALID_INPUT)
    assert service.violations == ["an address that nobody on the internet can reach: localhost:9000"]
    assert service.spent_usd() == 0


def test_an_upload_that_has_expired_makes_a_prediction_fail(service, api, photos):
    asked = sent(api, photos)
    service.expire_file(next(iter(service.files)))
    assert ended(api, api.create(KLING.slug, None, asked, cancel_after_s=600)).error == INVALID_INPUT


def test_it_knows_what_was_paid_twice_what_nobody_fetched_and_what_nobody_cancelled(service, api, photos):
    first, second = (api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600) for _ in "ab")
    for placed in (first, second):
        ended(api, placed)
    assert service.paid_twice() == [[first.id, second.id]]
    assert service.orphans() == [first.id, second.id]
    service.knob("hang_in_state", route="run", value="starting")
    forgotten = api.create(KLING.slug, None, sent(api, photos), cancel_after_s=5)
    service.advance(6)
    assert service.stopped_by_deadline() == [forgotten.id]
    assert service.predictions[forgotten.id].status == "aborted"


def test_a_create_after_402_is_noticed(service, api, photos):
    service.account.credit_usd = 0
    for _ in range(2):
        with pytest.raises(HostedRefusal):
            api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600)
    assert service.violations == [f"a create after 402: {KLING.slug}"]


def test_the_list_may_lag_behind_and_a_price_may_change(service, api, photos):
    service.list_lag_s = 60
    service.price_factor[KLING.slug] = 2.0
    placed = api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600)
    ended(api, placed)
    began = datetime.now(UTC) - timedelta(minutes=2)
    assert api.recent(began) == []
    service.advance(61)
    assert [each.id for each in api.recent(began)] == [placed.id]
    assert service.spent_usd() == pytest.approx(0.70)


@pytest.mark.parametrize("fate", ["frozen", "black", "other", "garbage"])
def test_a_model_may_make_a_clip_that_is_no_good(service, api, photos, tmp_path, fate):
    from property_video.core.errors import DeliveryBroken

    service.knob("clip", route="run", value=fate)
    done = ended(api, api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600))
    if fate == "garbage":
        with pytest.raises(DeliveryBroken, match="no whole video"):
            api.download(done.output, tmp_path / "clip.mp4", limit_bytes=10**7, expect="video")
        return
    from property_video.media.pictures import frames_at

    api.download(done.output, tmp_path / "clip.mp4", limit_bytes=10**7, expect="video")
    first, last = frames_at(tmp_path / "clip.mp4", [0, 119])
    assert (abs(first.astype(int) - last).mean() > 20) == (fate == "other")


@pytest.mark.parametrize("output", [None, {"url": "x"}, []])
def test_an_output_may_be_missing_or_of_another_shape(service, api, photos, output):
    service.knob("output", route="run", value=output)
    assert ended(api, api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600)).output == output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"duration": 2}, "Prompt is longer than audio to generate"),
        ({"input_audio": None}, "Must provide `input_audio` if continuation is `True`."),
    ],
)
def test_musicgen_fails_in_its_own_words(service, api, tmp_path, change, said):
    from emulators import outputs

    (tmp_path / "c.wav").write_bytes(outputs.wav(outputs.tone(4, 32_000, 1), 32_000))
    link = plan_chain([("a", 4.0), ("b", 4.0)])[1]
    asked = link_input(MUSICGEN, link, api.upload(tmp_path / "c.wav", "c.wav").url, 5) | change
    asked = {key: value for key, value in asked.items() if value is not None}
    assert ended(api, api.create(MUSICGEN.slug, MUSICGEN.version, asked, cancel_after_s=600)).error == said


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/predictions", {"version": "0" * 64, "input": {}}, {}, 422),
        ("/v1/predictions", {"model": KLING.slug, "input": {}}, {}, 422),
        ("/v1/models/meta/musicgen/predictions", {"input": {"prompt": "x"}}, {}, 404),
        (f"/v1/models/{KLING.slug}/predictions", {"input": {"prompt": "x"}, "webhook": "http://x"}, {}, 422),
        (f"/v1/models/{KLING.slug}/predictions", {"input": {"prompt": "x"}}, {"Cancel-After": "3s"}, 422),
        (f"/v1/models/{KLING.slug}/predictions", {"input": {"prompt": "x"}}, {"Prefer": "wait=99"}, 422),
        ("/v1/nothing", None, {}, 404),
    ],
)
def test_it_refuses_what_the_service_refuses(service, path, body, headers, status):
    with pytest.raises(HTTPError) as caught:
        raw(service, path, body, **headers)
    assert caught.value.code == status
    assert caught.value.headers["Content-Type"] == "application/problem+json"
    caught.value.close()


def test_other_processes_turn_knobs_and_read_the_bill(service, api, photos):
    raw(service, "/_emu/knobs", {"kind": "fail", "route": "run", "value": "(E005)", "nth": [1]})
    assert ended(api, api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600)).error == "(E005)"
    ended(api, api.create(KLING.slug, None, sent(api, photos), cancel_after_s=600))
    raw(service, "/_emu/advance", {"seconds": 1})
    _, state = raw(service, "/_emu/state")
    assert [each["status"] for each in state["predictions"]] == ["failed", "succeeded"]
    assert (state["spent_usd"], state["violations"], len(state["left_files"])) == (0.35, [], 4)


def test_chances_are_drawn_from_a_seed():
    def struck(seed: int) -> list[bool]:
        knobs = Knobs()
        knobs.turn("status", route="get", probability=0.5, seed=seed)
        return [bool(knobs.strike("get")) for _ in range(40)]

    assert struck(1) == struck(1) != struck(2)
    assert 8 < sum(struck(1)) < 32


def test_it_reads_the_data_file_on_its_own():
    assert set(load_models()) == {*REGISTRY.video, *REGISTRY.music}
