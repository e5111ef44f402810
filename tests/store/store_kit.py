"""What tests of stores share."""

from pathlib import Path

from property_video.core.outputs import MediaRef
from property_video.core.records import Record
from property_video.store.base import Store


class Note(Record):
    text: str
    number: float = 0.1


def adopted(store: Store, data: bytes, suffix: str = ".mp4") -> MediaRef:
    with store.scratch("test") as scratch:
        return store.adopt(written(scratch / f"made{suffix}", data))


def placed(store: Store, key: str, data: bytes) -> None:
    """Put any bytes under a key, as no product does."""
    with store.scratch("test") as scratch:
        store.place(written(scratch / "any", data), key)


def written(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def content(store: Store) -> list[str]:
    """All keys of the store, without scratch and leases."""
    return sorted(entry.key for entry in store.walk("") if not entry.key.startswith(("scratch/", "leases/")))
