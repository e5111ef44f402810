"""Receivers of films: folders, prefixes in buckets, webhooks.

A folder or prefix has a message exactly once: everything lies under a name that follows from the film, and appears
whole. A webhook has it at least once, with a key by which a receiver knows it again.

Not here: when and how often (sending.py), what is told (core/outbox.py).
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from property_video.core.errors import HostedRefusal, TransientError
from property_video.core.outbox import Message, body, facts_json, signature, slack_body
from property_video.core.places import Bucket
from property_video.store.base import Store

TIMEOUT_S: Final = 20.0
"""Seconds that a webhook may take."""

FOREVER: Final = frozenset({400, 401, 403, 404, 405, 410, 413, 415, 422})
"""Answers of a webhook that would be the same again."""

LAST: Final = "film.json"
"""The file that is uploaded last: where it lies, everything lies."""


class Receiver(Protocol):
    """Where messages go."""

    @property
    def name(self) -> str:
        """What people call it, and what is remembered of it; shows no secret."""

    def wants(self, message: Message) -> bool:
        """Whether such messages are for it."""

    def deliver(self, store: Store, message: Message, now: float) -> str:
        """Deliver a message and say where it is, or what the place said.

        Raises:
            PropertyVideoError: it could not be delivered; a `HostedRefusal` would come again.
        """


@dataclass(frozen=True)
class FolderReceiver:
    """A folder: each film in one of its own, which appears whole."""

    folder: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.folder)

    def wants(self, message: Message) -> bool:
        """Films alone: there is nothing to pick up of one that failed."""
        return message.kind == "film_finished"

    def deliver(self, store: Store, message: Message, now: float) -> str:
        """Copy everything beside its place, then rename."""
        target = self.folder / folder_of(message)
        if target.is_dir():
            return str(target)
        draft = self.folder / f".{folder_of(message)}.partial"
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            for name, file in files_of(store, message).items():
                shutil.copyfile(file, draft / name)
            for name, text in texts_of(message).items():
                (draft / name).write_text(text, encoding="utf-8")
            draft.rename(target)
        except OSError as error:
            raise TransientError(f"{self.folder} cannot be written: {error.strerror}.") from error
        return str(target)


@dataclass(frozen=True)
class BucketReceiver:
    """A prefix in a bucket; `film.json` comes last."""

    bucket: Bucket

    @property
    def name(self) -> str:
        """`s3://bucket/prefix`."""
        return str(self.bucket)

    def wants(self, message: Message) -> bool:
        """Films alone."""
        return message.kind == "film_finished"

    def deliver(self, store: Store, message: Message, now: float) -> str:
        """Upload everything; doing it again writes the same."""
        from property_video.store.s3_bucket import S3Bucket

        bucket, folder = S3Bucket(self.bucket), folder_of(message)
        for name, file in files_of(store, message).items():
            bucket.upload(file, f"{folder}/{name}")
        for name, text in sorted(texts_of(message).items(), key=lambda each: each[0] == LAST):
            bucket.put(f"{folder}/{name}", text.encode())
        return bucket.address(folder)


@dataclass(frozen=True)
class Webhook:
    """An address that is told in JSON, signed where there is a secret.

    `post` sends: address, headers, body and seconds it may take; the answer's status. `shown` is where people see a
    campaign's film.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    shown: Callable[[str], str]
    post: Callable[[str, Mapping[str, str], bytes, float], int] = field(repr=False)

    @property
    def name(self) -> str:
        """Its host, and a sign that tells addresses on one host apart: a path may be a secret, as Slack's are."""
        return f"webhook {urlsplit(self.url).hostname} #{hashlib.sha256(self.url.encode()).hexdigest()[:6]}"

    def wants(self, message: Message) -> bool:
        """Everything."""
        return True

    def deliver(self, store: Store, message: Message, now: float) -> str:
        """Send it once."""
        where = self.shown(message.campaign)
        is_slack = urlsplit(self.url).hostname == "hooks.slack.com"
        content = slack_body(message, where) if is_slack else body(message, where)
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
        if self.secret:
            headers["X-Property-Video-Signature"] = signature(self.secret, int(now), content)
        status = self.post(self.url, headers, content, TIMEOUT_S)
        if status in FOREVER:
            raise HostedRefusal(f"{self.name} answered {status}.", "Check its address and secret.", status)
        if not 200 <= status < 300:
            raise TransientError(f"{self.name} answered {status}.")
        return f"answered {status}"


def post(url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> int:
    """Send a request over the network; redirections are not followed: what is signed is for one address.

    Raises:
        TransientError: no answer came.
    """
    import httpx

    try:
        return httpx.post(url, headers=dict(headers), content=content, timeout=timeout_s).status_code
    except httpx.HTTPError as error:
        raise TransientError(f"{urlsplit(url).hostname} cannot be reached: {type(error).__name__}.") from error


def folder_of(message: Message) -> str:
    """The name of a film's folder: its campaign, and twelve digits that follow from the film."""
    return f"{message.campaign}-{message.id[:12]}"


def files_of(store: Store, message: Message) -> dict[str, Path]:
    """The media of a message by the names under which they are delivered.

    Raises:
        MissingMedia: one is no longer in the store.
    """
    media = {"film.mp4": message.film, "poster.jpg": message.poster}
    return {name: store.media_path(ref.key) for name, ref in media.items() if ref is not None}


def texts_of(message: Message) -> dict[str, str]:
    """What is written beside the media."""
    note = "\n".join(message.note) or "Nothing is missing."
    return {"note-to-the-photographer.txt": f"{note}\n", LAST: facts_json(message)}
