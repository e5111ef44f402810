"""The outbox: every film once to every place, whatever is killed; webhooks signed, tried again, known again."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from s3_kit import S3

from property_video.core.errors import BadInput
from property_video.core.ledger import Owner
from property_video.core.outbox import (
    FIRST_PAUSE_S,
    LEASE_S,
    LONGEST_PAUSE_S,
    MOST_TRIES,
    Message,
    Try,
    in_words,
    next_try,
    of_failure,
    pause_s,
    slack_body,
)
from property_video.definitions import build_outbox
from property_video.outbox import receivers
from property_video.outbox.messages import announce
from property_video.outbox.receivers import BucketReceiver, FolderReceiver, Webhook, post
from property_video.outbox.sending import Sender
from property_video.settings import read_settings
from property_video.store.local import LocalStore

ME, OTHER = Owner(host="here", pid=1, started="1"), Owner(host="here", pid=2, started="2")


@dataclass
class Inbox:
    """A receiver on loopback that answers as it is told; what it was sent, in order."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    found = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class World:
    store: LocalStore
    receivers: tuple
    time: float = 1_800_000_000.0
    dead: set[int] = field(default_factory=set)

    def send(self, owner: Owner = ME) -> list[str]:
        """One round; what was delivered or failed, place by place."""
        sender = Sender(self.store, self.receivers, owner, lambda other: other.pid not in self.dead, lambda: self.time)
        return [("failed" if each.failed else "delivered") for each in sender.send(10)]


@pytest.fixture
def message(store) -> Message:
    with store.scratch("test") as scratch:
        media = {}
        for name, content in (("film.mp4", b"a film" * 1000), ("poster.jpg", b"a poster")):
            (scratch / name).write_bytes(content)
            media[name] = store.adopt(scratch / name)
    return Message(
        kind="film_finished",
        id="ab" * 16,
        campaign="oak",
        client="Costa Lenta",
        title="Oak Street 12",
        seconds=28.0,
        film=media["film.mp4"],
        poster=media["poster.jpg"],
        facts={"bedrooms": 3},
        note=("A brighter kitchen would help.",),
    )


@pytest.fixture
def world(store, tmp_path, inbox, message) -> World:
    hook = Webhook(inbox.url, "s3cret", lambda campaign: f"https://films.example/{campaign}", post)
    found = World(store, (FolderReceiver(tmp_path / "out"), hook))
    assert announce(store, message)
    return found


def folders(tmp_path: Path) -> list[str]:
    return sorted(entry.name for entry in (tmp_path / "out").iterdir())


def test_a_film_is_delivered_once_to_every_place_with_all_that_belongs_to_it(world, tmp_path, inbox, message):
    assert world.send() == ["delivered", "delivered"]
    assert world.send() == []
    assert folders(tmp_path) == ["oak-abababababab"]
    folder = tmp_path / "out" / "oak-abababababab"
    assert sorted(file.name for file in folder.iterdir()) == [
        "film.json",
        "film.mp4",
        "note-to-the-photographer.txt",
        "poster.jpg",
    ]
    assert (folder / "film.mp4").read_bytes() == b"a film" * 1000
    assert json.loads((folder / "film.json").read_text())["facts"] == {"bedrooms": 3}
    assert len(inbox.got) == 1
    assert not announce(world.store, message), "the same film, made or found again, is no news"
    assert world.send() == []


def test_a_webhook_is_signed_and_says_what_slack_and_programs_understand(world, inbox):
    world.send()
    ((headers, body),) = inbox.got
    told = json.loads(body)
    assert (told["event"], told["campaign"], told["facts"]) == ("film_finished", "oak", {"bedrooms": 3})
    assert told["text"] == "The film of Oak Street 12 (oak) is ready: 28 s. https://films.example/oak"
    assert headers["Idempotency-Key"] == told["key"] == f"film_finished:oak:{'ab' * 16}"
    moment, digest = (part.split("=")[1] for part in headers["X-Property-Video-Signature"].split(","))
    assert digest == hmac.new(b"s3cret", f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert int(moment) == int(world.time)


def test_a_place_that_fails_is_tried_again_later_and_the_other_has_its_film_meanwhile(world, inbox):
    inbox.answers = [500, 503]
    assert world.send() == ["delivered", "failed"]
    assert world.send() == [], "too soon"
    world.time += FIRST_PAUSE_S
    assert world.send() == ["failed"]
    world.time += FIRST_PAUSE_S
    assert world.send() == []
    world.time += FIRST_PAUSE_S
    assert world.send() == ["delivered"]
    assert len({headers["Idempotency-Key"] for headers, _ in inbox.got}) == 1


def test_a_place_that_refuses_for_good_is_not_asked_again(world, inbox):
    inbox.answers = [410]
    world.send()
    world.time += 10 * LONGEST_PAUSE_S
    assert world.send() == []
    assert len(inbox.got) == 1


def test_a_place_that_never_works_is_given_up(world, inbox):
    inbox.answers = [500] * 100
    for _ in range(2 * MOST_TRIES):
        world.send()
        world.time += 2 * LONGEST_PAUSE_S
    assert len(inbox.got) == MOST_TRIES


def test_a_failure_is_one_message_to_webhooks(world, inbox, tmp_path):
    world.send()
    failure = of_failure("elm", "request-1", "campaign.yaml: moood: unknown key.")
    assert announce(world.store, failure)
    assert not announce(world.store, failure)
    assert world.send() == ["delivered"]
    assert not announce(world.store, failure)
    told = json.loads(inbox.got[-1][1])
    assert told["event"] == "film_failed"
    assert "moood" in told["text"]
    assert folders(tmp_path) == ["oak-abababababab"]


def test_a_prefix_in_a_bucket_has_the_same_files(store, message, s3: S3):
    announce(store, message)
    bucket = s3.bucket("deliveries")
    world = World(store, (BucketReceiver(bucket),))
    assert world.send() == ["delivered"]
    listed = s3.client.list_objects_v2(Bucket=bucket.name, Prefix="deliveries/")["Contents"]
    names = {each["Key"].removeprefix("deliveries/oak-abababababab/"): each["Size"] for each in listed}
    assert names.keys() == {"film.json", "film.mp4", "note-to-the-photographer.txt", "poster.jpg"}
    assert names["film.mp4"] == 6000


# --- killed


class Killed(BaseException):
    """What a kill is to the code that it strikes."""


@pytest.mark.parametrize("where", ["copyfile", "rename"])
def test_a_process_killed_while_it_copies_leaves_nothing_half_and_the_next_one_delivers_once(
    world, tmp_path, monkeypatch, where
):
    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(*((receivers.shutil, "copyfile") if where == "copyfile" else (Path, "rename")), kill)
        with pytest.raises(Killed):
            world.send(OTHER)
    assert [name for name in folders(tmp_path) if not name.startswith(".")] == []
    assert world.send() == ["delivered"], "the folder is another process's; the webhook is free"
    world.dead.add(OTHER.pid)
    assert world.send() == ["delivered"]
    assert folders(tmp_path) == ["oak-abababababab"]


def test_a_process_killed_after_a_webhook_heard_it_tells_it_again_with_the_same_key(world, inbox, monkeypatch):
    def kill(*_: object) -> None:
        raise Killed

    world.receivers = world.receivers[1:]
    with monkeypatch.context() as patch:
        patch.setattr("property_video.outbox.messages.delivered", kill)
        with pytest.raises(Killed):
            world.send(OTHER)
    world.dead.add(OTHER.pid)
    assert world.send() == ["delivered"]
    assert len(inbox.got) == 2
    assert len({headers["Idempotency-Key"] for headers, _ in inbox.got}) == 1


def test_two_processes_at_once_deliver_once(world, inbox):
    seen = []

    def meanwhile(*arguments):
        seen.append(world.send(OTHER))
        return post(*arguments)

    world.receivers = (replace(world.receivers[1], post=meanwhile),)
    assert world.send() == ["delivered"]
    assert seen == [[]]
    assert len(inbox.got) == 1


# --- rules


def test_pauses_double_up_to_six_hours():
    assert [pause_s(number) for number in (1, 2, 3)] == [30, 60, 120]
    assert pause_s(MOST_TRIES) == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("tries", "later_s", "alive", "expected"),
    [
        ([], 0, True, 1),
        ([Try(owner=OTHER, at=0)], LEASE_S + 1, True, None),
        ([Try(owner=OTHER, at=0)], 1, False, 2),
        ([Try(owner=OTHER, at=0)], LEASE_S - 1, None, None),
        ([Try(owner=OTHER, at=0)], LEASE_S, None, 2),
        ([Try(owner=OTHER, at=0, ended=1, failed="x")], FIRST_PAUSE_S, True, None),
        ([Try(owner=OTHER, at=0, ended=1, failed="x")], FIRST_PAUSE_S + 1, True, 2),
        ([Try(owner=OTHER, at=0, ended=1, failed="x", for_good=True)], 1e9, False, None),
    ],
)
def test_when_a_try_may_be_made(tries, later_s, alive, expected):
    assert next_try(tries, later_s, lambda owner: alive) == expected


def test_slacks_own_marks_are_written_out(message):
    told = json.loads(slack_body(message.model_copy(update={"title": "<!channel> & co"}), "https://x"))
    assert "<" not in told["text"]
    assert in_words(of_failure("oak", "r", "It broke."), "").startswith("No film of oak")


# --- settings


def test_places_are_named_in_the_environment_and_no_address_or_secret_is_shown(tmp_path):
    settings = read_settings(
        {
            "PROPERTY_VIDEO_DELIVER": f"{tmp_path}/a folder, s3://agency/films, https://hooks.slack.com/services/T0/B0/XX",
            "PROPERTY_VIDEO_DELIVER_SECRET": "s3cret",
        }
    )
    names = [each.name for each in build_outbox(settings).receivers]
    assert names[:2] == [f"{tmp_path}/a folder", "s3://agency/films"]
    assert names[2].startswith("webhook hooks.slack.com #")
    for shown in (repr(settings), repr(build_outbox(settings)), *names):
        assert "s3cret" not in shown
        assert "B0/XX" not in shown
    with pytest.raises(BadInput, match="ftp://"):
        read_settings({"PROPERTY_VIDEO_DELIVER": "ftp://host/x"})
