"""Taking photos in: every file gets a reading or a reason; what was read before is found by its bytes.

Not here: listing the folder (media/upload_files.py), decoding (media/read_photo.py).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from property_video.core.analysis import judge
from property_video.core.errors import BadPhoto, NoUsablePhoto
from property_video.core.fingerprints import VERSIONS, fingerprint
from property_video.core.outputs import MediaRef
from property_video.core.photo import Look, Photo, PhotoAnalysis, Reading, Rejection, Room, UploadedPhotos
from property_video.core.records import Record
from property_video.core.upload import Upload, UploadFile
from property_video.intake.music import unplayed
from property_video.media.look import look_at
from property_video.media.photo_worker import PhotoJob, PhotoWorkers
from property_video.media.upload_files import list_upload
from property_video.providers.base import OnProgress
from property_video.store import keys
from property_video.store.local import LocalStore, sha256_of


class Read(Record):
    """A photo that was read: its reading and its pictures in the store."""

    reading: Reading
    working: MediaRef
    preview: MediaRef


def listing_fingerprint(upload: Upload) -> str:
    """The fingerprint of what is in a folder, without reading it: names, sizes, times of photos, sounds and brief."""
    files = [[file.name, file.file_bytes, file.mtime_ns] for file in (*upload.files, *upload.sounds)]
    brief = upload.brief.stat() if upload.brief else None
    return fingerprint("request", files=files, brief=[brief.st_size, brief.st_mtime_ns] if brief else None)


def take_in(store: LocalStore, folder: Path, on_progress: OnProgress) -> UploadedPhotos:
    """Bring a folder's photos into the store.

    Raises:
        BadInput: the folder cannot be read.
        NoUsablePhoto: no file of it can be used; the message says why for each.
        StoreFull, StoreError: the store cannot be written.
    """
    upload = list_upload(folder)
    hashes, unread = _hashes(upload.files)
    first_of, again = _first_of_each([file for file in upload.files if file.name in hashes], hashes)
    known = {sha: _find(store, sha) for sha in first_of}
    fresh = [sha for sha, read in known.items() if read is None]
    outcomes = _read_all(store, [(sha, first_of[sha].path) for sha in fresh], on_progress)

    photos, rejected = [], [*upload.rejected, *unplayed(upload), *unread, *again]
    for sha, file in first_of.items():
        outcome = known[sha] or outcomes[sha]
        if isinstance(outcome, BadPhoto):
            rejected.append(Rejection(file=file.name, reason=outcome.reason, remedy=outcome.remedy))
        else:
            photos.append(
                Photo(
                    name=file.name,
                    reading=outcome.reading,
                    working=outcome.working.key,
                    preview=outcome.preview.key,
                )
            )
    if not photos:
        raise NoUsablePhoto(
            f"{folder}: no usable photo. " + " ".join(f"{each.file} {each.reason} {each.remedy}" for each in rejected),
            "Add photos (JPEG, PNG, WebP, HEIC or AVIF).",
        )
    return UploadedPhotos(
        photos=tuple(photos),
        rejected=tuple(rejected),
        listing=listing_fingerprint(upload),
        source=str(folder),
        found=len(photos) - sum(1 for sha in fresh if not isinstance(outcomes[sha], BadPhoto)),
    )


def _hashes(files: Sequence[UploadFile]) -> tuple[dict[str, str], list[Rejection]]:
    """SHA-256 of each file by name, and rejections of those that cannot be read (any more)."""
    hashes, unread = {}, []
    for file in files:
        try:
            hashes[file.name] = sha256_of(file.path)
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or type(error).__name__).lower()}."
            unread.append(Rejection(file=file.name, reason=reason, remedy="Upload it again."))
    return hashes, unread


def _first_of_each(
    files: Sequence[UploadFile], hashes: Mapping[str, str]
) -> tuple[dict[str, UploadFile], list[Rejection]]:
    """The first file of each content, in upload order, and rejections of its repetitions."""
    first_of: dict[str, UploadFile] = {}
    again = []
    for file in files:
        kept = first_of.setdefault(hashes[file.name], file)
        if kept is not file:
            again.append(
                Rejection(
                    file=file.name,
                    reason=f"is the same file as {kept.name}.",
                    remedy="Nothing to do: one is used.",
                    same_as=kept.name,
                )
            )
    return first_of, again


def _find(store: LocalStore, sha256: str) -> Read | None:
    read = store.read(keys.reading(sha256, VERSIONS["reading"]), Read)
    return read if read is not None and store.holds(read.working) and store.holds(read.preview) else None


def _read_all(
    store: LocalStore, files: Sequence[tuple[str, Path]], on_progress: OnProgress
) -> dict[str, Read | BadPhoto]:
    """Read files in worker processes, by the SHA-256 of each; what was read is kept at once, whatever comes after."""
    kept: dict[str, Read | BadPhoto] = {}
    with store.scratch("photos") as scratch, PhotoWorkers() as workers:
        jobs = {
            PhotoJob(source=path, working=scratch / f"{sha}.jpg", preview=scratch / f"{sha}.preview.jpg"): sha
            for sha, path in files
        }

        def keep(job: PhotoJob, outcome: Reading | BadPhoto) -> None:
            sha = jobs[job]
            kept[sha] = outcome if isinstance(outcome, BadPhoto) else _keep(store, sha, outcome, job)
            on_progress(len(kept), len(jobs))

        workers.prepare_many(list(jobs), on_done=keep)
    return kept


def _keep(store: LocalStore, sha256: str, reading: Reading, job: PhotoJob) -> Read:
    read = Read(reading=reading, working=store.adopt(job.working), preview=store.adopt(job.preview))
    if reading.sha256 == sha256:  # otherwise the file changed meanwhile: used now, read again next time
        store.write(keys.reading(sha256, VERSIONS["reading"]), read)
    return read


def analyse(
    store: LocalStore, uploaded: UploadedPhotos, tags: Mapping[str, Room], on_progress: OnProgress
) -> PhotoAnalysis:
    """Measure every photo and give it its verdict; what was measured before is found.

    Raises:
        BadBrief: a room tag names no photo.
        MissingMedia: a preview is no longer in the store.
    """
    looks, found = [], 0
    for number, photo in enumerate(uploaded.photos, start=1):
        key = keys.look(photo.reading.sha256, VERSIONS["look"])
        look = store.read(key, Look)
        if look is None:
            look = look_at(store.media_path(photo.preview))
            store.write(key, look)
        else:
            found += 1
        looks.append(look)
        on_progress(number, len(uploaded.photos))
    return judge(uploaded.photos, looks, tags).model_copy(update={"found": found})
