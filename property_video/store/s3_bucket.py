"""A prefix in a bucket, as calls that end within a bounded time and fail in our own words.

Files move by boto3's transfer manager, in parts, four at a time. What may pass is tried again by botocore ("standard"
retries: exponential, at most 20 s between two tries), then it is a `StoreError`.

Not here: what is kept there (s3.py), credentials (boto3 finds them: environment, profile, or the machine's role).
"""

import functools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from property_video.core.errors import StoreError
from property_video.core.places import Bucket
from property_video.store.base import Entry

TRIES: Final = 6
"""Times that a call is tried, over about half a minute."""

CONNECT_S: Final = 5.0
READ_S: Final = 30.0
"""Seconds that one try waits for a connection, and for the next bytes."""

PART_BYTES: Final = 8 << 20
PARTS_AT_ONCE: Final = 4
"""A file moves in parts of this size, so many at once: 100 MB take less than 60 MB of memory either way."""

TOKEN: Final = "writer"  # noqa: S105 - not a secret
"""Metadata of an object that was created only if absent: who has written it, so that a writer whose answer was lost
knows its own object again."""

ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN: Final = frozenset({"412", "PreconditionFailed"})
MEANWHILE: Final = frozenset({"409", "ConditionalRequestConflict"})
"""Another conditional write of the same key was under way: S3 asks to try again."""


@dataclass(frozen=True)
class Listed:
    """A listing: what is there, the names of folders, and the time at the service when it was made."""

    entries: list[Entry]
    folders: list[str]
    at: datetime


class S3Bucket:
    """Calls to one prefix.

    Args:
        bucket: which.
        tries: times that a call is tried.
    """

    def __init__(self, bucket: Bucket, tries: int = TRIES) -> None:
        self.bucket, self._tries = bucket, tries
        self._start = f"{bucket.prefix}/" if bucket.prefix else ""
        sse = {"ServerSideEncryption": bucket.encryption, "SSEKMSKeyId": bucket.kms_key}
        self._encryption = {name: value for name, value in sse.items() if value}

    def address(self, key: str) -> str:
        """`s3://bucket/prefix/key`."""
        return f"s3://{self.bucket.name}/{self._start}{key}"

    @property
    def is_public(self) -> bool:
        """Whether others can be expected to reach the service: Amazon's own, or one with HTTPS beyond this machine."""
        host = urlsplit(self.bucket.endpoint).hostname or ""
        return not self.bucket.endpoint or (
            self.bucket.endpoint.startswith("https://") and host != "localhost" and not host.startswith("127.")
        )

    @functools.cached_property
    def client(self) -> Any:
        """The client, with deadlines of ours."""
        import boto3
        from botocore.config import Config

        with self._told(""):
            return boto3.client(
                "s3",
                endpoint_url=self.bucket.endpoint or None,
                region_name=self.bucket.region or None,
                config=Config(
                    signature_version="s3v4",
                    connect_timeout=CONNECT_S,
                    read_timeout=READ_S,
                    retries={"mode": "standard", "total_max_attempts": self._tries},
                    s3={"addressing_style": "path"} if self.bucket.endpoint else {},
                ),
            )

    # --- one object

    def head(self, key: str) -> Entry | None:
        """What is known of an object; None when there is none."""
        return self._head(key)[0]

    def get(self, key: str) -> bytes | None:
        """A small object's content; None when there is none."""
        from botocore.exceptions import ClientError

        with self._told(key):
            try:
                return bytes(self.client.get_object(**self._at(key))["Body"].read())
            except ClientError as error:
                if _code(error) in ABSENT:
                    return None
                raise

    def begin(self, key: str, length: int) -> bytes:
        """The first bytes of an object; b"" when there is none."""
        from botocore.exceptions import ClientError

        with self._told(key):
            try:
                answer = self.client.get_object(**self._at(key), Range=f"bytes=0-{length - 1}")
                return bytes(answer["Body"].read())
            except ClientError as error:
                if _code(error) in ABSENT:
                    return b""
                raise

    def put(self, key: str, content: bytes) -> None:
        """Write a small object."""
        with self._told(key):
            self.client.put_object(**self._at(key), Body=content, ContentType=kind_of(key), **self._encryption)

    def create(self, key: str, content: bytes) -> bool:
        """Write a small object unless there is one; whether this call wrote it."""
        from botocore.exceptions import ClientError

        token = secrets.token_hex(8)
        with self._told(key):
            for tries_left in reversed(range(self._tries)):
                try:
                    self.client.put_object(
                        **self._at(key),
                        Body=content,
                        ContentType=kind_of(key),
                        Metadata={TOKEN: token},
                        IfNoneMatch="*",
                        **self._encryption,
                    )
                except ClientError as error:
                    if _code(error) in TAKEN:  # by an earlier try of ours, whose answer was lost, or by another
                        return self._head(key)[1] == token
                    if _code(error) not in MEANWHILE or not tries_left:
                        raise
                else:
                    return True
        raise AssertionError(key)

    def upload(self, file: Path, key: str) -> None:
        """Send a file, in parts where it is long."""
        with self._told(key):
            self.client.upload_file(
                str(file),
                self.bucket.name,
                f"{self._start}{key}",
                ExtraArgs={"ContentType": kind_of(key), **self._encryption},
                Config=_transfer(),
            )

    def download(self, key: str, out: Path) -> bool:
        """Fetch an object into a file, in parts where it is long; False when there is none."""
        from botocore.exceptions import ClientError

        with self._told(key):
            try:
                self.client.download_file(self.bucket.name, f"{self._start}{key}", str(out), Config=_transfer())
            except ClientError as error:
                if _code(error) in ABSENT:
                    return False
                raise
        return True

    def copy(self, source: str, target: str) -> None:
        """Have the service copy an object under another key; it may have 5 GB."""
        with self._told(source):
            self.client.copy_object(
                **self._at(target),
                CopySource={"Bucket": self.bucket.name, "Key": f"{self._start}{source}"},
                **self._encryption,
            )

    def remove(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._told(key):
            self.client.delete_object(**self._at(key))

    def link(self, key: str, seconds: int) -> str:
        """An address that anybody can fetch an object from, for so long."""
        with self._told(key):
            return str(self.client.generate_presigned_url("get_object", Params=self._at(key), ExpiresIn=seconds))

    # --- many

    def listing(self, prefix: str, *, deep: bool) -> Listed:
        """What is under a folder: everything at any depth, or its own objects and the names of its folders.

        A thousand objects, or folders, a request.
        """
        start = f"{self._start}{prefix}/" if prefix else self._start
        entries: list[Entry] = []
        folders: list[str] = []
        with self._told(prefix):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket.name, Prefix=start, **({} if deep else {"Delimiter": "/"})
            )
            at = None
            for page in pages:
                at = at or parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                entries += [self._entry(found["Key"], found) for found in page.get("Contents", ())]
                folders += [self._key(each["Prefix"]).rstrip("/") for each in page.get("CommonPrefixes", ())]
        assert at is not None
        entries = [entry for entry in entries if not entry.key.endswith("/") and entry.key]
        return Listed(entries, folders, at)

    def unfinished(self, older_s: float) -> list[tuple[str, str]]:
        """Uploads in parts that were begun so many seconds ago or earlier and not ended: key and id."""
        with self._told(""):
            answer = self.client.list_multipart_uploads(Bucket=self.bucket.name, Prefix=self._start)
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return [
            (self._key(each["Key"]), each["UploadId"])
            for each in answer.get("Uploads", ())
            if (now - each["Initiated"]).total_seconds() >= older_s
        ]

    def abort(self, key: str, upload: str) -> None:
        """Forget an upload in parts, by its id."""
        with self._told(key):
            self.client.abort_multipart_upload(**self._at(key), UploadId=upload)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket.name, "Key": f"{self._start}{key}"}

    def _key(self, full: str) -> str:
        return full.removeprefix(self._start)

    def _entry(self, full: str, found: dict[str, Any]) -> Entry:
        return Entry(self._key(full), int(found["Size"]), found["LastModified"].timestamp(), found["ETag"].strip('"'))

    def _head(self, key: str) -> tuple[Entry | None, str]:
        """An object and the token of its writer."""
        from botocore.exceptions import ClientError

        with self._told(key):
            try:
                found = self.client.head_object(**self._at(key))
            except ClientError as error:
                if _code(error) in ABSENT:
                    return None, ""
                raise
        entry = self._entry(f"{self._start}{key}", {**found, "Size": found["ContentLength"]})
        return entry, str(found["Metadata"].get(TOKEN, ""))

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Let no foreign error out."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise StoreError(
                f"{self.address(key)}: {' '.join(str(error).split())[:300]}",
                "Check bucket, endpoint and credentials, then run again: what was finished is kept.",
            ) from error


def kind_of(key: str) -> str:
    """The content type of a key, by its extension."""
    return _KINDS.get(Path(key).suffix, "application/octet-stream")


_KINDS: Final = {".json": "application/json", ".mp4": "video/mp4", ".jpg": "image/jpeg", ".wav": "audio/wav"}


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@functools.cache
def _transfer() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
