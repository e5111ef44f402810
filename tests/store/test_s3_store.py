"""The store in a bucket: what only a bucket can do, and what only there can go wrong."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from s3_kit import CREDENTIALS, S3, out_of_order, out_of_reach
from store_kit import Note, adopted, content, placed, written

from property_video.core.errors import MissingMedia, StoreError
from property_video.core.places import Bucket
from property_video.store import keys
from property_video.store.disk import Scratch, sha256_of
from property_video.store.leases import campaign_lease
from property_video.store.media_cache import SPARED_S, MediaCache
from property_video.store.pruning import prune
from property_video.store.s3 import LINK_S, S3Store
from property_video.store.s3_bucket import PART_BYTES, S3Bucket
from property_video.store.s3_holds import hold_campaign, hold_store

MODELS_NEED_S = 45 * 60


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    return s3.bucket()


def requests_of(store: S3Store) -> list[str]:
    """Grows by the method of every request that leaves."""
    seen: list[str] = []
    store._bucket.client.meta.events.register("before-send.s3", lambda request, **_: seen.append(request.method))
    return seen


def failing(store: S3Store, times: int) -> list[str]:
    """Have the service be out of order for so many requests; grows by what was refused."""
    refused: list[str] = []
    out_of_order(store._bucket.client, lambda: len(refused) < times, refused)
    return refused


# --- where things are


def test_nothing_is_written_outside_the_prefix_and_nothing_read(s3: S3, bucket: Bucket, tmp_path: Path):
    with closing(S3Store(bucket, tmp_path)) as store, closing(S3Store(replace(bucket, prefix="films"), tmp_path)) as up:
        ref = adopted(store, b"film")
        store.write("records/a/oak.json", Note(text="here"))
        store.publish(ref, keys.film("oak"))
        up.write("records/a/elm.json", Note(text="there"))
        assert store.keys("records/a") == ["records/a/oak.json"]
        assert up.keys("records/a") == ["records/a/elm.json"]
        assert content(store) == ["films/oak.mp4", ref.key, "records/a/oak.json"]
    there = ["films/records/a/elm.json", *(f"films/here/{key}" for key in content(store))]
    assert s3.content(bucket) == sorted(there)
    assert store.address(keys.film("oak")) == f"s3://{bucket.name}/films/here/films/oak.mp4"


def test_a_bucket_may_be_used_whole(s3: S3, tmp_path: Path):
    bucket = s3.bucket("")
    with closing(S3Store(bucket, tmp_path)) as store:
        store.write("records/a/oak.json", Note(text="here"))
        assert s3.content(bucket) == content(store) == store.keys("records/a")


def test_every_object_asks_for_the_encryption_that_the_settings_name(s3: S3, bucket: Bucket, tmp_path: Path):
    secure = replace(bucket, encryption="aws:kms", kms_key="alias/films")
    with closing(S3Store(secure, tmp_path)) as store:
        ref = adopted(store, bytes(PART_BYTES + 1))
        store.write("records/a.json", Note(text="written"))
        store.create("records/b.json", Note(text="created"))
        store.publish(ref, keys.film("oak"))
        placed(store, keys.table("films", "oak"), b"rows")
    for key in s3.content(bucket):
        head = s3.client.head_object(Bucket=bucket.name, Key=key)
        assert (head["ServerSideEncryption"], "films" in head["SSEKMSKeyId"]) == ("aws:kms", True), key


def test_a_long_file_moves_in_parts_and_arrives_whole(s3: S3, bucket: Bucket, tmp_path: Path):
    made = written(tmp_path / "long.mp4", bytes(range(256)) * (2 * PART_BYTES // 256 + 1))
    sha = sha256_of(made)
    with closing(S3Store(bucket, tmp_path)) as store:
        ref = store.adopt(made)
        head = s3.client.head_object(Bucket=bucket.name, Key=f"films/here/{ref.key}")
        assert (head["ETag"].strip('"')[-2:], head["ContentType"]) == ("-3", "video/mp4")
    with closing(S3Store(bucket, tmp_path)) as elsewhere:
        assert sha256_of(elsewhere.media_path(ref.key)) == sha


# --- what was fetched


def test_what_was_made_or_fetched_here_is_not_fetched_again(bucket: Bucket, tmp_path: Path):
    with closing(S3Store(bucket, tmp_path / "one")) as store, closing(S3Store(bucket, tmp_path / "two")) as other:
        ref = adopted(store, b"film")
        seen = requests_of(store)
        assert store.media_path(ref.key).read_bytes() == b"film"
        assert seen == []
        first = other.media_path(ref.key)
        seen = requests_of(other)
        assert other.media_path(ref.key) == first
        assert seen == []
        folder = first.parent
    assert not folder.exists(), "it is gone with the process"


def test_a_listing_alone_tells_that_nothing_has_changed(s3_store: S3Store):
    for name in ("a", "b"):
        placed(s3_store, keys.table("films", name), name.encode())
    s3_store.files(keys.tables("films"))
    seen = requests_of(s3_store)
    assert [file.read_bytes() for file in s3_store.files(keys.tables("films"))] == [b"a", b"b"]
    assert seen == ["GET"]


def test_the_longest_unasked_files_go_where_they_become_too_many(tmp_path: Path):
    now = [0.0]
    cache = MediaCache(Scratch(tmp_path, tmp_path / ".lock"), largest=10, clock=lambda: now[0])

    def fetched(name: str, times: list[str]) -> Path:
        return cache.get(name, lambda out: (times.append(name), written(out, b"12345"))[1])

    times: list[str] = []
    first, second = fetched("a", times), fetched("b", times)
    now[0] = SPARED_S
    fetched("a", times)
    now[0] += 1
    third = fetched("c", times)
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)
    fourth = fetched("d", times)
    assert all(each.exists() for each in (first, third, fourth)), "a step still reads what it has asked for"
    assert times == ["a", "b", "c", "d"]
    cache.close()


def test_a_file_that_could_not_be_fetched_leaves_nothing(bucket: Bucket, tmp_path: Path):
    with closing(S3Store(bucket, tmp_path)) as store:
        with pytest.raises(MissingMedia):
            store.media_path("media/aa/a.mp4")
        assert not [file for file in tmp_path.rglob("*") if file.is_file() and not file.name.startswith(".")]
        assert not list(tmp_path.rglob("*a.mp4"))


# --- links


def test_a_link_works_without_credentials_for_as_long_as_a_model_may_need_it(s3: S3, bucket: Bucket):
    calls = S3Bucket(bucket)
    calls.put("shown/a.jpg", b"picture")
    link = calls.link("shown/a.jpg", LINK_S)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(link).query).items()}
    assert asked["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert int(asked["X-Amz-Expires"]) == LINK_S >= MODELS_NEED_S
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in link
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.read() == b"picture"


@pytest.mark.parametrize(
    ("endpoint", "public"),
    [
        ("", True),
        ("https://s3.example.com", True),
        ("http://minio:9000", False),
        ("https://localhost:9000", False),
        ("https://127.0.0.1:9000", False),
        ("http://127.0.0.1:9000", False),
    ],
)
def test_no_model_is_given_an_address_that_only_this_network_knows(endpoint: str, public: bool):
    assert S3Bucket(Bucket("films", endpoint=endpoint)).is_public is public


def test_where_nobody_outside_reaches_the_store_it_gives_no_links(s3: S3, bucket: Bucket, tmp_path: Path):
    with closing(S3Store(bucket, tmp_path)) as store:
        assert store.link(written(tmp_path / "a.jpg", b"picture"), keys.shown("oak.scene_1.1", "image", ".jpg")) is None
    assert s3.content(bucket) == []


# --- outages


def test_an_outage_that_passes_is_not_noticed(s3_store: S3Store):
    refused = failing(s3_store, 1)
    s3_store.write("records/a.json", Note(text="here"))
    assert refused == ["PUT"]
    assert s3_store.read("records/a.json", Note) == Note(text="here")


OPERATIONS: dict[str, Callable[[S3Store, Path], object]] = {
    "adopt": lambda store, folder: store.adopt(written(folder / "film.mp4", b"film")),
    "media_path": lambda store, folder: store.media_path("media/aa/a.mp4"),
    "published": lambda store, folder: store.media_path("films/oak.mp4"),
    "read": lambda store, folder: store.read("records/a.json", Note),
    "write": lambda store, folder: store.write("records/a.json", Note(text="")),
    "create": lambda store, folder: store.create("records/a.json", Note(text="")),
    "keys": lambda store, folder: store.keys("records"),
    "walk": lambda store, folder: list(store.walk("records")),
    "remove": lambda store, folder: store.remove("records/a.json"),
    "hold": lambda store, folder: campaign_lease(store, "oak", "mine", wait_s=0).__enter__(),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_outage_that_stays_is_told_clearly_and_tells_nothing_secret(bucket: Bucket, tmp_path: Path, operation: str):
    store = S3Store(out_of_reach(bucket), tmp_path, tries=1)
    with closing(store), pytest.raises(StoreError) as told:
        OPERATIONS[operation](store, tmp_path)
    assert f"s3://{bucket.name}/films/here/" in told.value.reason
    assert "Could not connect" in told.value.reason or "Connection" in told.value.reason
    assert "run again" in told.value.remedy
    assert not any(secret in str(told.value) for secret in (CREDENTIALS["AWS_SECRET_ACCESS_KEY"], "Signature"))


def test_a_bucket_that_is_not_there_is_told_and_is_not_an_empty_one(s3: S3, tmp_path: Path):
    with closing(S3Store(Bucket("no-such-bucket", endpoint=s3.endpoint), tmp_path)) as store:
        with pytest.raises(StoreError, match="NoSuchBucket"):
            store.keys("records")
        with pytest.raises(StoreError, match="NoSuchBucket"):
            store.write("records/a.json", Note(text=""))
        with pytest.raises(StoreError, match="NoSuchBucket"):
            store.read("records/a.json", Note)


def test_who_created_a_record_and_lost_the_answer_is_told_that_it_did(s3_store: S3Store, monkeypatch):
    put = s3_store._bucket.client.put_object

    def answered_twice(**request: Any) -> Any:
        put(**request)
        return put(**request)  # as botocore tries again when no answer came

    with monkeypatch.context() as patch:
        patch.setattr(s3_store._bucket.client, "put_object", answered_twice)
        assert s3_store.create("journal/oak/scene_1/000001.json", Note(text="mine"))
        assert not s3_store.create("journal/oak/scene_1/000001.json", Note(text="mine"))


def test_a_conflict_with_another_conditional_write_is_tried_again(s3_store: S3Store, monkeypatch):
    from botocore.exceptions import ClientError

    put, conflicts = s3_store._bucket.client.put_object, [1, 2]

    def conflicting(**request: Any) -> Any:
        if conflicts.pop(0) if conflicts else 0:
            raise ClientError({"Error": {"Code": "ConditionalRequestConflict", "Message": "try again"}}, "PutObject")
        return put(**request)

    monkeypatch.setattr(s3_store._bucket.client, "put_object", conflicting)
    assert s3_store.create("records/a.json", Note(text="mine"))
    assert conflicts == []


# --- holds


def test_a_campaign_whose_holder_is_silent_can_be_taken(bucket: Bucket):
    calls = S3Bucket(bucket)
    with hold_campaign(calls, "oak", "theirs") as holder:
        assert holder == ""
        with hold_campaign(calls, "oak", "mine") as holder:
            assert holder.startswith("run theirs (process ")
        with hold_campaign(calls, "oak", "mine", lease_s=0) as holder:
            assert holder == "", "a claim that was not renewed is over"


def test_a_silent_holder_that_comes_back_takes_nothing_from_its_successor(bucket: Bucket):
    calls = S3Bucket(bucket)
    silent = hold_campaign(calls, "oak", "theirs")
    silent.__enter__()
    with hold_campaign(calls, "oak", "mine", lease_s=0):
        silent.__exit__(None, None, None)
        with hold_campaign(calls, "oak", "another") as holder:
            assert holder.startswith("run mine (process ")


def test_a_holder_renews_its_claim_as_long_as_it_holds_it(bucket: Bucket):
    calls = S3Bucket(bucket)
    alive = f"{keys.claims('oak')}/000001.alive"
    with hold_campaign(calls, "oak", "mine", lease_s=0.2):
        while calls.head(alive) is None:
            time.sleep(0.02)
        calls.remove(alive)
        while calls.head(alive) is None:
            time.sleep(0.02)
    assert calls.head(f"{keys.claims('oak')}/000001.done") is not None
    assert not any(thread.name == "lease" and thread.is_alive() for thread in threading.enumerate())


def test_old_claims_are_cleared_away(bucket: Bucket):
    calls = S3Bucket(bucket)
    for run in ("a", "b", "c"):
        with hold_campaign(calls, "oak", run):
            pass
    names = [entry.key.rsplit("/", 1)[-1] for entry in calls.listing(keys.claims("oak"), deep=False).entries]
    assert names == ["000003.done", "000003.json"]


def test_a_silent_pruner_does_not_stop_films_for_ever(bucket: Bucket):
    calls = S3Bucket(bucket)
    with hold_store(calls) as held:
        assert held
        with hold_campaign(calls, "oak", "mine", lease_s=0) as holder:
            assert holder == ""


def test_pruning_removes_what_no_record_names(s3: S3, s3_store: S3Store):
    named, spare = adopted(s3_store, b"named"), adopted(s3_store, b"spare")
    s3_store.write(keys.record("brief", "oak"), Note(text=named.key))
    pruned = prune(s3_store, keep=1)
    assert (pruned.media, pruned.bytes) == (1, 5)
    assert (s3_store.holds(named), s3_store.holds(spare)) == (True, False)


# --- what killed processes leave


def test_what_was_shown_to_hosted_models_and_forgotten_is_removed(s3_store: S3Store, monkeypatch):
    placed(s3_store, keys.shown("oak.scene_1.1", "image", ".jpg"), b"picture")
    assert s3_store.unfinished() == 0, "a model may still fetch it"
    monkeypatch.setattr("property_video.store.s3.LEFT_S", -2.0)
    assert s3_store.sweep_unfinished() == 1
    assert s3_store.keys(keys.SHOWN) == []


def test_uploads_in_parts_that_nobody_goes_on_with_are_found_and_removed(s3: S3, s3_store: S3Store, monkeypatch):
    bucket = s3_store._bucket.bucket
    for key in ("films/here/media/aa/a.mp4", "elsewhere/a.mp4"):
        s3.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    monkeypatch.setattr("property_video.store.s3.LEFT_S", 1e12)
    assert s3_store.unfinished() == 0, "somebody may still send"
    monkeypatch.setattr("property_video.store.s3.LEFT_S", 0.0)
    assert s3_store.unfinished() == 1
    assert s3_store.sweep_unfinished() == 1
    left = s3.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [each["Key"] for each in left] == ["elsewhere/a.mp4"], "what is not ours is left alone"


# --- memory

TRANSFER = """
import json, resource, sys
from pathlib import Path
from property_video.core.places import Bucket
from property_video.store.s3 import S3Store
endpoint, name, folder = sys.argv[1:]
def rss_mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
store = S3Store(Bucket(name, "films", endpoint=endpoint), Path(folder))
small = Path(folder) / "small.mp4"
small.write_bytes(b"small")
store.media_path(store.adopt(small).key)
before = rss_mb()
ref = store.adopt(Path(folder) / "big.mp4")
sent = rss_mb()
store.close()
again = S3Store(Bucket(name, "films", endpoint=endpoint), Path(folder))
assert again.media_path(ref.key).stat().st_size == 100_000_000
print(json.dumps({"sent_mb": sent - before, "fetched_mb": rss_mb() - before}))
again.close()
"""


@pytest.mark.slow
def test_a_hundred_megabytes_move_in_sixty_of_memory(s3: S3, tmp_path: Path):
    with (tmp_path / "big.mp4").open("wb") as file:
        for number in range(100):
            file.write(bytes([number]) * 1_000_000)
    bucket = s3.bucket("films")
    command = [sys.executable, "-c", TRANSFER, s3.endpoint, bucket.name, str(tmp_path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["sent_mb"] <= 60
    assert found["fetched_mb"] <= 60
