"""The media server: plays films to this machine, in parts, and nothing else to nobody else."""

import pytest
from starlette.testclient import TestClient

from property_video.engine.media_server import build_app
from property_video.store import keys

FILM = bytes(range(256)) * 40


@pytest.fixture
def client(store) -> TestClient:
    path = store.path(keys.film("oak"))
    path.parent.mkdir(parents=True)
    path.write_bytes(FILM)
    (store.root / "secret.mp4").write_bytes(b"secret")
    return TestClient(build_app(store), base_url="http://127.0.0.1:3030")


def test_a_film_is_served_whole_and_says_that_parts_can_be_had(client):
    found = client.get("/films/oak.mp4")
    assert (found.status_code, found.headers["content-type"], found.content) == (200, "video/mp4", FILM)
    assert found.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-99", slice(0, 100)), ("bytes=5000-", slice(5000, None)), ("bytes=-10", slice(-10, None))],
)
def test_players_can_seek(client, asked, part):
    found = client.get("/films/oak.mp4", headers={"range": asked})
    assert (found.status_code, found.content) == (206, FILM[part])
    assert found.headers["content-range"].endswith(f"/{len(FILM)}")


def test_a_part_that_is_not_there_is_refused(client):
    assert client.get("/films/oak.mp4", headers={"range": "bytes=999999-"}).status_code == 416


def test_a_campaign_has_a_page_with_a_player(client):
    page = client.get("/films/oak")
    assert page.status_code == 200
    assert '<video controls autoplay src="/films/oak.mp4">' in page.text


@pytest.mark.parametrize(
    "name", ["elm", "elm.mp4", "Oak.mp4", "..%2Fsecret.mp4", "%2e%2e%2fsecret", "oak.mp4.mp4", "oak%00.mp4", "<b>"]
)
def test_what_is_no_film_is_not_found(client, name):
    found = client.get(f"/films/{name}")
    assert found.status_code == 404
    assert found.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/", "/records/final_video/oak.json", "/films/../secret.mp4"])
def test_nothing_else_of_the_store_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3030", "127.0.0.1.evil.example", "192.168.1.5:3030"])
def test_a_page_elsewhere_that_points_its_name_here_is_refused(client, host):
    assert client.get("/films/oak.mp4", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:3030", "localhost:3030", "localhost"])
def test_this_machine_is_answered(client, host):
    assert client.get("/films/oak.mp4", headers={"host": host}).status_code == 200


def test_nothing_can_be_changed(client):
    assert client.post("/films/oak.mp4").status_code == 405
    assert client.delete("/films/oak.mp4").status_code == 405
