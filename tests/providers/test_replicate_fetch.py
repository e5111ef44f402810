"""Downloads: whole or not at all, without the token, from the service's hosts alone, resumed where they broke off."""

import time

import pytest

from property_video.core.errors import DeliveryBroken, OutputGone, StoreError
from property_video.core.models import music_input
from property_video.providers.hosted import TERMINAL
from property_video.providers.registry import load_registry
from property_video.providers.replicate.api import ReplicateApi
from property_video.providers.replicate.fetch import Fetcher, is_whole

STABLE = load_registry().music["stability-ai/stable-audio-2.5"]
LIMIT = 10_000_000


@pytest.fixture
def output(service, api) -> str:
    """The address of a finished recording of 4 s: 0.7 MB."""
    placed = api.create(STABLE.slug, None, music_input(STABLE, "calm", "", 4.0, 3), cancel_after_s=600)
    for _ in range(400):
        prediction = api.get(placed.id)
        if prediction.status in TERMINAL:
            return str(prediction.output)
        time.sleep(0.01)
    raise AssertionError("the prediction does not end")


def whole(service, path) -> bool:
    [delivery] = service.deliveries.values()
    return path.read_bytes() == delivery.path.read_bytes()


def test_an_output_arrives_whole_and_leaves_nothing_beside_it(service, api, output, tmp_path):
    api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert whole(service, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert service.violations == []


def test_a_download_that_broke_off_goes_on_where_it_was(service, api, output, tmp_path):
    service.knob("truncate", route="download", nth=1, value="with")
    with pytest.raises(DeliveryBroken, match="broke off"):
        api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    [part] = tmp_path.iterdir()
    had = part.stat().st_size
    assert had > 0 and not (tmp_path / "out").exists()
    ranged = service.knob("content_type", route="download", value="audio/x-wav")
    api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert whole(service, tmp_path / "out") and ranged.struck == 1


def test_a_truncated_download_without_a_length_is_noticed_by_its_content(service, api, output, tmp_path):
    service.knob("truncate", route="download", nth=1, value="without")
    with pytest.raises(DeliveryBroken, match="no whole audio") as caught:
        api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert len(caught.value.digest) == 64 and list(tmp_path.iterdir()) == []
    api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert whole(service, tmp_path / "out")


def test_a_host_without_ranges_begins_again(service, api, output, tmp_path):
    service.knob("truncate", route="download", nth=1, value="with")
    with pytest.raises(DeliveryBroken):
        api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    service.knob("no_ranges", route="download")
    api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert whole(service, tmp_path / "out")


@pytest.mark.parametrize(
    ("trouble", "value", "said"),
    [
        ("html", None, "text/html"),
        ("html", "video/mp4", "no whole"),
        ("status", 403, "403"),
        ("status", 404, "404"),
        ("status", 503, "503"),
        ("redirect", "loop", "redirected"),
    ],
)
def test_trouble_that_may_pass_keeps_what_has_arrived(service, api, output, tmp_path, trouble, value, said):
    service.knob(trouble, route="download", nth=1 if trouble != "redirect" else (1, 2, 3, 4, 5), value=value)
    with pytest.raises(DeliveryBroken, match=said):
        api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert whole(service, tmp_path / "out")


def test_a_slow_download_ends_by_its_own_deadline(service, api, output, tmp_path, monkeypatch):
    from property_video.providers.replicate import fetch

    monkeypatch.setattr(fetch, "FETCH_S", 0.3)
    service.knob("slow_body", route="download", nth=1, value=200_000)
    with pytest.raises(DeliveryBroken, match="too long"):
        api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    monkeypatch.setattr(fetch, "FETCH_S", 30)
    api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    assert whole(service, tmp_path / "out")


@pytest.mark.parametrize("trouble", ["redirect", "limit", "kind"])
def test_what_is_not_ours_or_not_what_was_ordered_is_never_fetched(service, api, output, tmp_path, trouble):
    if trouble == "redirect":
        service.knob("redirect", route="download", value="evil")
        with pytest.raises(OutputGone, match=r"198\.51\.100\.7"):
            api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")
    elif trouble == "limit":
        with pytest.raises(OutputGone, match="larger than"):
            api.download(output, tmp_path / "out", limit_bytes=1000, expect="audio")
    else:
        with pytest.raises(DeliveryBroken, match="no whole video"):
            api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="video")
    assert list(tmp_path.iterdir()) == []


def test_the_limit_holds_where_no_length_is_announced(service, api, output, tmp_path):
    service.knob("truncate", route="download", value="without")
    with pytest.raises(OutputGone, match="larger than"):
        api.download(output, tmp_path / "out", limit_bytes=100_000, expect="audio")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://replicate.delivery/x/out.mp4", True),
        ("https://pbxt.replicate.delivery/x/out.mp4", True),
        ("http://replicate.delivery/x/out.mp4", False),
        ("https://replicate.delivery.evil.example/out.mp4", False),
        ("https://evilreplicate.delivery/out.mp4", False),
        ("https://user@replicate.delivery/out.mp4", False),
        ("http://127.0.0.1:9000/out.mp4", False),
        ("file:///etc/passwd", False),
        ("data:video/mp4;base64,AAAA", False),
    ],
)
def test_only_the_services_own_hosts_are_asked(address, allowed):
    fetcher = Fetcher("https://api.replicate.com", time.monotonic)
    try:
        if allowed:
            fetcher._check_host(address)
        else:
            with pytest.raises(OutputGone):
                fetcher._check_host(address)
    finally:
        fetcher.close()


def test_a_folder_that_is_not_there_is_an_error_of_the_store(api, output, tmp_path):
    with pytest.raises(StoreError):
        api.download(output, tmp_path / "nowhere" / "out", limit_bytes=LIMIT, expect="audio")


def test_an_output_that_has_expired_is_not_there(service, api, output, tmp_path):
    service.advance(3601)
    api.get(next(iter(service.predictions)))
    with pytest.raises(DeliveryBroken, match="404"):
        api.download(output, tmp_path / "out", limit_bytes=LIMIT, expect="audio")


def test_a_file_is_whole_by_its_own_account(tmp_path, photos):
    picture = photos[0].read_bytes()
    cases = {
        "whole.jpg": (picture, "image", True),
        "cut.jpg": (picture[:-100], "image", False),
        "page.mp4": (b"<html>" + b" " * 200, "video", False),
        "short.mp4": (b"\x00\x00\x00\x18ftyp", "video", False),
        "no_index.mp4": (
            b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 12 + b"\x00\x00\x00\x40mdat" + b"\x00" * 56,
            "video",
            False,
        ),
        "song.mp3": (b"ID3" + b"\x00" * 200, "audio", True),
    }
    for name, (data, expect, fits) in cases.items():
        (tmp_path / name).write_bytes(data)
        assert is_whole(tmp_path / name, expect) == fits, name


def test_the_adapter_closes_what_it_opened(service):
    with ReplicateApi(service.token, service.url) as api:
        assert "127.0.0.1" in repr(api)
