"""Uploads in a bucket, brought to this machine as folders, so that everything reads them as it reads any folder.

A folder is first outlined: every object is an empty file of its name, length and time (sparse: it takes no space). That
is enough to list it, and what a listing tells is the same before and after its photos were fetched. Only what the
listing takes for photos, sounds and the brief is fetched.

Not here: what a folder's names mean (media/upload_files.py), the calls to the service (store/s3_bucket.py).
"""

import atexit
import os
import shutil
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Final

from property_video.core.picture import HEAD_BYTES, foreign_by_name
from property_video.core.places import Bucket
from property_video.intake.arrivals import Arrived, look
from property_video.media.upload_files import list_upload
from property_video.store.base import Entry
from property_video.store.disk import Scratch, temporary, translated
from property_video.store.s3_bucket import TRIES, S3Bucket

AT_ONCE: Final = 4
"""Photos that are fetched at once."""

LONGEST_NAME: Final = 255
"""Bytes of a name that file systems allow."""

LARGEST_FETCHED: Final = 1 << 30
"""Bytes. Nothing longer is a photo or a track that is read; it stays an outline, which cannot be decoded."""

LISTED: Final = "listed"
"""The mark of every folder: a listing of names does not tell that something in one has changed. Those that are known
already are looked at in turn (core/reconcile.py)."""


class BucketUploads:
    """Folders under a prefix. What was fetched stays for the length of the process.

    Args:
        bucket: where.
        scratch: the folder for what is fetched; the user's own in the temporary one by default.
        tries: times that a call is tried.
    """

    def __init__(self, bucket: Bucket, scratch: Path | None = None, *, tries: int = TRIES) -> None:
        self._bucket = S3Bucket(bucket, tries)
        self._scratch = Scratch(scratch or temporary())
        self._open = ExitStack()
        self._fetched: Path | None = None
        self._outlined: dict[Path, str] = {}
        self._whole: set[Path] = set()
        atexit.register(self._open.close)

    def close(self) -> None:
        """Remove what was fetched."""
        atexit.unregister(self._open.close)
        self._open.close()

    def marks(self) -> dict[str, tuple[str, float]]:
        """Every folder, by one listing of names: a thousand a request."""
        names = (PurePosixPath(folder).name for folder in self._bucket.listing("", deep=False).folders)
        return {name: (LISTED, 0.0) for name in names if not name.startswith(".")}

    def look(self, name: str, now: float) -> Arrived:
        """Look at an outline of one folder."""
        with self._scratch.folder("outline") as scratch:
            folder = scratch / name
            self._outline(self._entries(name), name, folder, {})
            return look(folder, now)

    def has(self, name: str) -> bool:
        """Whether there is an object under that name."""
        return bool(self._entries(name))

    def folder(self, name: str) -> Path:
        """The folder with all that is read of it; what has not changed since the last time is not fetched again."""
        folder = self._base() / name
        entries = self._entries(name)
        outlined = self._outline(entries, name, folder, self._outlined)
        if not entries:
            return folder
        upload = list_upload(folder)
        wanted = {file.path for file in (*upload.files, *upload.sounds)} | ({upload.brief} if upload.brief else set())
        missing = sorted(wanted - self._whole)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda path: self._fetch(outlined[path], path), missing))
        return folder

    def address(self, name: str) -> str:
        """`s3://bucket/prefix/name`."""
        return self._bucket.address(name)

    def name_of(self, address: str) -> str:
        """The last part of the address of a folder here."""
        start = self._bucket.address("")
        return address.removeprefix(start) if address.startswith(start) else ""

    def remove(self, name: str) -> int:
        """Remove every object under that name."""
        entries = self._bucket.listing(name, deep=True).entries
        for entry in entries:
            self._bucket.remove(entry.key)
        return len(entries)

    def _base(self) -> Path:
        if self._fetched is None:
            self._fetched = self._open.enter_context(self._scratch.folder("uploads"))
        return self._fetched

    def _entries(self, name: str) -> list[Entry]:
        return [entry for entry in self._bucket.listing(name, deep=True).entries if _can_be_named(entry.key)]

    def _outline(self, entries: Iterable[Entry], name: str, folder: Path, known: dict[Path, str]) -> dict[Path, Entry]:
        """Bring a folder to the names, lengths and times that there are; what is the same as `known` by its tag stays.

        `known` is brought to what there is as well.
        """
        files = {folder / PurePosixPath(entry.key).relative_to(name): entry for entry in entries}
        with translated(folder):
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                if path.is_file() and path not in files:
                    path.unlink()
                    known.pop(path, None)
            for path, entry in files.items():
                if known.get(path) != entry.tag:
                    self._whole.discard(path)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(self._beginning(path, entry))
                    os.truncate(path, entry.bytes)
                    _date(path, entry)
                    known[path] = entry.tag
            newest = max((entry.changed for entry in files.values()), default=0.0)
            for parent in {parent for path in files for parent in path.parents if parent.is_relative_to(folder)}:
                os.utime(parent, (newest, newest))
        if not files:
            shutil.rmtree(folder, ignore_errors=True)
        return files

    def _beginning(self, path: Path, entry: Entry) -> bytes:
        """What tells a photo whose name is not one: a listing opens such files."""
        return self._bucket.begin(entry.key, HEAD_BYTES) if foreign_by_name(path.name) and entry.bytes else b""

    def _fetch(self, entry: Entry, path: Path) -> None:
        if entry.bytes > LARGEST_FETCHED:
            return
        with translated(path):
            draft = path.with_name(f".{path.name[:200]}.fetched")
            if self._bucket.download(entry.key, draft):  # otherwise it went meanwhile: what is left cannot be decoded
                _date(draft, entry)
                newest = path.parent.stat().st_mtime
                draft.replace(path)
                os.utime(path.parent, (newest, newest))
                self._whole.add(path)


def _can_be_named(key: str) -> bool:
    """Whether an object can be a file here: keys may hold what no path does."""
    parts = key.split("/")
    return all(
        part not in {"", ".", ".."} and "\0" not in part and len(part.encode()) <= LONGEST_NAME for part in parts
    )


def _date(path: Path, entry: Entry) -> None:
    """Give a file its object's time; listings tell whole seconds, the tag fills the nanoseconds.

    So another content is another time, also within one second, and whatever compares files by time sees it.
    """
    moment = int(entry.changed) * 10**9 + zlib.crc32(entry.tag.encode()) % 10**9
    os.utime(path, ns=(moment, moment))
