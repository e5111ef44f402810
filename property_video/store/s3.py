"""The store in a bucket.

An object appears whole or not at all by itself, and a listing shows what was written before it. Unfinished work and
what was fetched lie in the temporary folder of this machine.

Not here: the calls (s3_bucket.py), keys (keys.py), who holds a campaign (s3_holds.py), what records mean (core).
"""

import atexit
import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from pydantic import BaseModel

from property_video.core.errors import MissingMedia
from property_video.core.outputs import MediaRef
from property_video.core.places import Bucket
from property_video.store import keys
from property_video.store.base import Entry, decoded, encoded
from property_video.store.disk import Scratch, sha256_of, temporary, translated
from property_video.store.media_cache import LARGEST, MediaCache
from property_video.store.s3_bucket import TRIES, S3Bucket
from property_video.store.s3_holds import hold_campaign, hold_store

R = TypeVar("R", bound=BaseModel)

LINK_S: Final = 2 * 3600
"""Seconds for which a hosted model can fetch a picture. It may wait and run for 45 minutes at the provider, and
nobody waits for one longer than half an hour; links made with a role's credentials end with those at the latest."""

LEFT_S: Final = 24 * 3600.0
"""Seconds after which an upload in parts, or a file shown to a hosted model, is taken to be of a dead process."""

AT_ONCE: Final = 8
"""Small files that are fetched at once."""


class S3Store:
    """Records and media under a prefix in a bucket.

    Args:
        bucket: where.
        scratch: the folder for unfinished work and for what was fetched; the user's own in the temporary one by
            default.
        cache_bytes: how much of what was fetched is kept.
        tries: times that a call is tried.
    """

    def __init__(
        self, bucket: Bucket, scratch: Path | None = None, *, cache_bytes: int = LARGEST, tries: int = TRIES
    ) -> None:
        self._bucket = S3Bucket(bucket, tries)
        self._scratch = Scratch(scratch or temporary())
        self._cache = MediaCache(self._scratch, cache_bytes)
        atexit.register(self._cache.close)

    def close(self) -> None:
        """Remove what was fetched."""
        atexit.unregister(self._cache.close)
        self._cache.close()

    # --- media

    def adopt(self, file: Path) -> MediaRef:
        """Send a finished file into the store, under the hash of its bytes, and keep it in the cache.

        Raises:
            StoreError: the store cannot be written.
        """
        with translated(file):
            ref = MediaRef(key=keys.media(sha256_of(file), file.suffix), bytes=file.stat().st_size)
            if not self.holds(ref):
                self._bucket.upload(file, ref.key)
            name = PurePosixPath(ref.key).name
            draft = self._cache.draft(name)
            shutil.move(file, draft)
            self._cache.put(name, draft)
        return ref

    def media_path(self, key: str) -> Path:
        """A file with the present content of a key; media are named by their content and fetched once.

        Raises:
            MissingMedia: it is not in the store.
            StoreError: the store cannot be read.
        """
        if keys.is_media(key):
            return self._fetched(PurePosixPath(key).name, key)
        entry = self._bucket.head(key)
        if entry is None:
            raise _missing(key)
        return self._fetched(_name_of(entry), key)

    def holds(self, ref: MediaRef) -> bool:
        """Whether the store has this file, in its full size."""
        entry = self._bucket.head(ref.key)
        return entry is not None and entry.bytes == ref.bytes

    def publish(self, ref: MediaRef, key: str) -> None:
        """Have the service copy a media file under another key.

        Raises:
            MissingMedia: the file is not in the store.
            StoreError: the store cannot be written.
        """
        if not self.exists(ref.key):
            raise _missing(ref.key)
        self._bucket.copy(ref.key, key)

    def address(self, key: str) -> str:
        """`s3://bucket/prefix/key`."""
        return self._bucket.address(key)

    def link(self, file: Path, name: str) -> str | None:
        """Put a file under a name and let anybody fetch it for `LINK_S` seconds.

        None where the endpoint is not one that others reach by HTTPS.
        """
        if not self._bucket.is_public:
            return None
        self._bucket.upload(file, name)
        return self._bucket.link(name, LINK_S)

    # --- unfinished work

    def scratch(self, what: str) -> AbstractContextManager[Path]:
        """A folder of this machine's temporary one."""
        return self._scratch.folder(what)

    def sweep_scratch(self) -> int:
        """Remove the folders whose owners are gone, on this machine; return how many there were."""
        return self._scratch.sweep()

    def unfinished(self) -> int:
        """How many there are of scratch folders on this machine, half-sent uploads, and files shown to hosted models.

        Uploads and files that are younger than `LEFT_S` may still be wanted.
        """
        return len(self._scratch.left()) + len(self._bucket.unfinished(LEFT_S)) + len(self._unlinked())

    def sweep_unfinished(self) -> int:
        """Remove them. Parts that were sent cost money until then, and no listing shows them."""
        half_sent, unlinked = self._bucket.unfinished(LEFT_S), self._unlinked()
        for upload in half_sent:
            self._bucket.abort(*upload)
        for key in unlinked:
            self._bucket.remove(key)
        return self.sweep_scratch() + len(half_sent) + len(unlinked)

    # --- records

    def read(self, key: str, kind: type[R]) -> R | None:
        """Read a record; None when there is none, or when an older version of the product wrote it otherwise.

        Raises:
            StoreError: the store cannot be read.
        """
        return decoded(self._bucket.get(key), kind)

    def read_bytes(self, key: str) -> bytes | None:
        """What a small key holds; None when there is nothing."""
        return self._bucket.get(key)

    def write(self, key: str, record: BaseModel) -> None:
        """Write a record, replacing an older one whole."""
        self._bucket.put(key, encoded(record))

    def create(self, key: str, record: BaseModel) -> bool:
        """Write a record by a conditional put; return whether this call wrote it."""
        return self._bucket.create(key, encoded(record))

    def place(self, file: Path, key: str) -> None:
        """Send a finished file to a key, replacing an older one whole."""
        self._bucket.upload(file, key)
        file.unlink()

    def exists(self, key: str) -> bool:
        """Whether there is an object under a key."""
        return self._bucket.head(key) is not None

    def remove(self, key: str) -> int:
        """Remove an object; return the bytes that were freed."""
        entry = self._bucket.head(key)
        if entry is None:
            return 0
        self._bucket.remove(key)
        return entry.bytes

    # --- listings

    def keys(self, prefix: str) -> list[str]:
        """Keys and folders directly under a folder, sorted; names with a leading dot left out."""
        listed = self._bucket.listing(prefix, deep=False)
        found = [entry.key for entry in listed.entries] + listed.folders
        return sorted(key for key in found if not PurePosixPath(key).name.startswith("."))

    def walk(self, prefix: str) -> Iterator[Entry]:
        """All keys under a folder, at any depth; names with a leading dot left out."""
        for entry in self._bucket.listing(prefix, deep=True).entries:
            if not any(part.startswith(".") for part in PurePosixPath(entry.key).parts):
                yield entry

    def files(self, prefix: str) -> list[Path]:
        """Files on this machine with the present content of all keys directly under a folder, sorted by key.

        What has not changed since it was fetched is told by one listing.
        """
        entries = sorted(self._bucket.listing(prefix, deep=False).entries, key=lambda entry: entry.key)
        shown = [entry for entry in entries if not PurePosixPath(entry.key).name.startswith(".")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda entry: self._fetched(_name_of(entry), entry.key), shown))

    # --- who works here

    def hold(self, campaign: str, run_id: str) -> AbstractContextManager[str]:
        """Try to hold a campaign by a claim that its process renews."""
        return hold_campaign(self._bucket, campaign, run_id)

    def hold_all(self) -> AbstractContextManager[bool]:
        """Try to hold the whole store by a claim."""
        return hold_store(self._bucket)

    def _unlinked(self) -> list[str]:
        listed = self._bucket.listing(keys.SHOWN, deep=True)
        return [entry.key for entry in listed.entries if listed.at.timestamp() - entry.changed >= LEFT_S]

    def _fetched(self, name: str, key: str) -> Path:
        def fetch(out: Path) -> None:
            with translated(out):
                if not self._bucket.download(key, out):
                    raise _missing(key)

        return self._cache.get(name, fetch)


def _missing(key: str) -> MissingMedia:
    return MissingMedia(f"The store has no {key}.", "Materialize the asset that makes it again.")


def _name_of(entry: Entry) -> str:
    """A name for a file with this content of a key."""
    digest = hashlib.sha256(f"{entry.key} {entry.tag} {entry.bytes}".encode()).hexdigest()
    return f"{digest[:32]}{PurePosixPath(entry.key).suffix}"
