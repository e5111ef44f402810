"""The adapter with the real client against the emulated service: what it sends, and what becomes of every trouble."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from emulators.replicate import ReplicateEmulator

from property_video.core.errors import AnswerLost, HostedRefusal, RateLimited, TransientError
from property_video.core.models import clip_input, purchase
from property_video.providers.hosted import TERMINAL, Prediction
from property_video.providers.registry import load_registry
from property_video.providers.replicate.api import ReplicateApi, parse_prediction
from property_video.providers.replicate.wire import retry_after

KLING = load_registry().video["kwaivgi/kling-v2.5-turbo-pro"]


def order(api: ReplicateApi, photos: tuple[Path, Path], *, cancel_after_s: float = 1200) -> Prediction:
    first, last = (api.upload(photo, f"intents/7/{name}.jpg") for photo, name in zip(photos, "ab", strict=True))
    sent = clip_input(KLING, purchase(KLING, 120), "A slow push-in.", "people", first.url, last.url, 7)
    return api.create(KLING.slug, None, sent, cancel_after_s=cancel_after_s)


def ended(api: ReplicateApi, known: str) -> Prediction:
    """Poll until a prediction has ended; the emulator needs some 65 ms."""
    for _ in range(400):
        prediction = api.get(known)
        if prediction.status in TERMINAL:
            return prediction
        time.sleep(0.01)
    raise AssertionError("the prediction does not end")


def test_a_clip_is_ordered_made_fetched_and_billed_once(service, api, photos, tmp_path):
    placed = order(api, photos)
    assert placed.status == "starting"
    done = ended(api, placed.id)
    assert (done.status, done.started, done.input["duration"]) == ("succeeded", True, 5)
    api.download(done.output, tmp_path / "clip.mp4", limit_bytes=50_000_000, expect="video")
    assert (tmp_path / "clip.mp4").stat().st_size > 1000
    for file in list(service.files):
        api.delete_file(file)
    assert service.spent_usd() == pytest.approx(0.35)
    assert (service.violations, service.paid_twice(), service.orphans(), service.left_files()) == ([], [], [], [])


def test_a_file_that_is_gone_already_is_deleted_without_complaint(service, api, photos):
    file = api.upload(photos[0], "a.jpg")
    api.delete_file(file.id)
    api.delete_file(file.id)
    assert service.deleted_files == [file.id]


def test_a_prediction_carries_its_own_deadline(service, api, photos):
    service.knob("hang_in_state", route="run", value="processing")
    placed = order(api, photos, cancel_after_s=60)
    time.sleep(0.05)
    assert api.get(placed.id).status == "processing"
    service.advance(61)
    late = api.get(placed.id)
    assert (late.status, late.started) == ("canceled", True)
    assert service.spent_usd() == pytest.approx(0.35)


def test_aborted_is_read_where_the_client_chokes(service, api, photos):
    service.knob("aborted", route="run")
    placed = order(api, photos)
    gone = api.get(placed.id)
    assert (gone.status, gone.started) == ("aborted", False)
    assert api.cancel(placed.id).status == "aborted"
    assert [each.status for each in api.recent(datetime.now(UTC) - timedelta(minutes=2))] == ["aborted"]
    assert service.spent_usd() == 0


@pytest.mark.parametrize("shape", ["urls_stream_null", "version_null"])
def test_answers_of_unusual_shape_are_read_by_meaning(service, api, photos, shape):
    service.knob(shape)
    placed = order(api, photos)
    assert ended(api, placed.id).status == "succeeded"
    assert len(service.predictions) == 1


@pytest.mark.parametrize("trouble", ["drop_after_commit", "201_html"])
def test_a_create_whose_answer_is_lost_is_in_doubt_and_not_repeated(service, api, photos, trouble):
    service.knob(trouble, route="create")
    with pytest.raises(AnswerLost):
        order(api, photos)
    assert len(service.predictions) == 1
    [found] = api.recent(datetime.now(UTC) - timedelta(minutes=2))
    assert found.id in service.predictions
    assert found.input["start_image"] == service.predictions[found.id].input["start_image"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_create_that_the_server_fails_is_in_doubt(service, api, photos, status):
    service.knob("status", route="create", value=status)
    with pytest.raises(AnswerLost):
        order(api, photos)
    assert [call.route for call in service.calls].count("create") == 1


def test_a_create_that_hangs_ends_by_our_own_timeout(service, api, photos, monkeypatch):
    import httpx

    from property_video.providers.replicate import wire

    monkeypatch.setattr(wire, "TIMEOUT", httpx.Timeout(0.3))
    service.knob("hang", route="create", value=30)
    with pytest.raises(AnswerLost, match="ReadTimeout"):
        order(api, photos)


def test_an_answer_that_trickles_ends_by_our_own_deadline(service, api, photos, monkeypatch):
    from property_video.providers.replicate import wire

    monkeypatch.setattr(wire, "ANSWER_S", 0.3)
    service.knob("slow_body", route="create", value=200)
    with pytest.raises(AnswerLost, match="does not end"):
        order(api, photos)


def test_a_service_that_is_not_there_was_never_asked(photos):
    with ReplicateApi("r8_x", "http://127.0.0.1:9", sleep=lambda s: None) as api:
        with pytest.raises(TransientError) as caught:
            api.create("a/b", None, {}, cancel_after_s=60)
        assert not isinstance(caught.value, AnswerLost)


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "REPLICATE_API_TOKEN"), (402, "credit"), (404, "name"), (422, "doctor --live")]
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(service, api, photos, status, remedy):
    service.knob("status", route="create", value=status)
    with pytest.raises(HostedRefusal) as caught:
        order(api, photos)
    assert caught.value.status == status and remedy in caught.value.remedy
    assert [call.route for call in service.calls].count("create") == 1


def test_a_wrong_token_an_unknown_model_and_a_wrong_input_are_refused_by_the_service_itself(service, api):
    with ReplicateApi("r8_wrong", service.url) as stranger, pytest.raises(HostedRefusal) as caught:
        stranger.get("x" * 26)
    assert caught.value.status == 401
    with pytest.raises(HostedRefusal) as caught:
        api.create("nobody/nothing", None, {"prompt": "x"}, cancel_after_s=60)
    assert caught.value.status == 404
    with pytest.raises(HostedRefusal, match=r"duration must be one of the following: 5, 10.*prompt is required|prompt"):
        api.create(KLING.slug, None, {"duration": 7}, cancel_after_s=60)
    assert service.predictions == {}


def test_without_credit_every_create_is_refused(service, api, photos):
    service.account.credit_usd = 0
    with pytest.raises(HostedRefusal) as caught:
        order(api, photos)
    assert caught.value.status == 402


def test_throttling_tells_how_long_to_wait(service, api, photos):
    service.account.low_credit = True
    order(api, photos)
    with pytest.raises(RateLimited) as caught:
        order(api, photos)
    assert caught.value.retry_after_s is not None and 5 < caught.value.retry_after_s <= 10


def test_a_throttled_question_is_told_at_once_however_long_the_service_wants(service, api, photos, pauses):
    placed = order(api, photos)
    service.knob("throttle", route="get", value=3600)
    with pytest.raises(RateLimited) as caught:
        api.get(placed.id)
    assert caught.value.retry_after_s == 3600
    assert pauses == []


@pytest.mark.parametrize(
    ("field", "header", "detail", "seconds"),
    [
        (7, None, "", 7.0),
        (None, "2.5", "", 2.5),
        (None, "Wed, 21 Oct 2026 07:28:00 GMT", "Your rate limit resets in ~7s.", 7.0),
        (None, None, "Expected available in 1 second.", 1.0),
        (None, None, "Slow down.", None),
        (-1, "nan", "", None),
    ],
)
def test_a_wait_is_read_from_body_header_or_sentence(field, header, detail, seconds):
    assert retry_after(field, header, detail) == seconds


@pytest.mark.parametrize("trouble", ["status", "502_html", "drop_before_commit"])
def test_a_question_is_asked_again_a_few_times(service, api, photos, pauses, trouble):
    placed = order(api, photos)
    service.knob(trouble, route="get", nth=(1, 2), value=500)
    assert api.get(placed.id).id == placed.id
    assert pauses == pytest.approx([0.4, 0.8])
    service.knob(trouble, route="get", value=503)
    with pytest.raises(TransientError):
        api.get(placed.id)


def test_an_error_of_unusual_shape_is_an_error_of_ours(service, api, photos):
    service.knob("error_as_list", route="create", value=422)
    with pytest.raises(HostedRefusal, match="Something is wrong"):
        order(api, photos)


def test_all_pages_are_read_and_the_token_stays_with_its_host(service, api, photos):
    began = datetime.now(UTC) - timedelta(minutes=2)
    known = service.predictions[order(api, photos).id]

    def copy(name: str, age_s: float) -> None:
        service.predictions[name] = replace(known, id=name, created=known.created - age_s, lock=threading.Lock())

    for number in range(230):
        copy(f"{number:026d}", number / 1000)
    copy("x" * 26, 7200)
    service.knob("foreign_next", route="list", value="127.0.0.1:9")  # nobody is there: asking it would fail
    found = api.recent(began)
    assert len({each.id for each in found}) == 231
    assert "x" * 26 not in {each.id for each in found}
    assert [call.route for call in service.calls].count("list") == 3


def test_part_of_the_list_is_never_taken_for_all_of_it(service, api, photos):
    order(api, photos)
    service.knob("status", route="list", value=503)
    with pytest.raises(TransientError):
        api.recent(datetime.now(UTC) - timedelta(minutes=2))


def test_cancelling_twice_is_cancelling_once(service, api, photos):
    service.knob("hang_in_state", route="run", value="starting")
    placed = order(api, photos)
    service.knob("drop_after_commit", route="cancel", nth=1)
    assert api.cancel(placed.id).status == "canceled"
    assert api.cancel(placed.id).started is False
    assert service.spent_usd() == 0


def test_after_an_hour_a_prediction_has_lost_its_data(service, api, photos):
    placed = order(api, photos)
    ended(api, placed.id)
    service.advance(3601)
    old = api.get(placed.id)
    assert (old.status, old.data_removed, old.input, old.output) == ("succeeded", True, {}, None)


@pytest.mark.parametrize(
    "text",
    [
        "Service is currently unavailable due to high demand. Please try again (E003)",
        "Prediction interrupted; please retry (code: PA)",
        "The input or output was flagged as sensitive. Please try again with different inputs. (E005)",
    ],
)
def test_a_failed_prediction_tells_the_models_words_and_costs_nothing(service, api, photos, text):
    service.knob("fail", route="run", value=text)
    failed = ended(api, order(api, photos).id)
    assert (failed.status, failed.error) == ("failed", text)
    assert service.spent_usd() == 0


def test_nothing_that_is_said_or_kept_holds_the_token_or_a_signed_link(service, api, photos):
    signed = "https://bucket.example/a.jpg?X-Amz-Signature=s3cr3t"
    service.knob("status", route="create", value=(422, f"- input.start_image: {signed} with {service.token}"))
    with pytest.raises(HostedRefusal) as caught:
        order(api, photos)
    said = f"{caught.value!r} {caught.value} {api!r} {vars(api)}"
    assert service.token not in said and "s3cr3t" not in said
    echoed = parse_prediction({"id": "x", "status": "starting", "input": {"image": signed}, "error": signed})
    assert "s3cr3t" not in repr(echoed)
    assert echoed.input["image"] == "https://bucket.example/a.jpg"


def test_an_emulator_starts_in_a_moment(tmp_path):
    with ReplicateEmulator(tmp_path) as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
