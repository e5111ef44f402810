"""Taking photos in: every file gets a reading or a reason; what was read before is found by its bytes.

Not here: listing the folder (media/upload_files.py), decoding (media/read_photo.py).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from property_video.core.analysis import judge, pairs_to_match, with_matches
from property_video.core.errors import BadPhoto, NoUsablePhoto
from property_video.core.fingerprints import VERSIONS, fingerprint
from property_video.core.joins import Match
from property_video.core.outputs import MediaRef
from property_video.core.photo import Look, Photo, PhotoAnalysis, Reading, Rejection, Room, UploadedPhotos
from property_video.core.records import Record
from property_video.core.upload import Upload, UploadFile
from property_video.intake.music import unplayed
from property_video.media.look_worker import look_at_all
from property_video.media.match import Features, features, match_photos
from property_video.media.photo_worker import PhotoJob, PhotoWorkers
from property_video.media.upload_files import list_upload
from property_video.providers.base import OnProgress
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.disk import sha256_of


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


def take_in(store: Store, folder: Path, on_progress: OnProgress) -> UploadedPhotos:
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


def _find(store: Store, sha256: str) -> Read | None:
    read = store.read(keys.reading(sha256, VERSIONS["reading"]), Read)
    return read if read is not None and store.holds(read.working) and store.holds(read.preview) else None


def _read_all(store: Store, files: Sequence[tuple[str, Path]], on_progress: OnProgress) -> dict[str, Read | BadPhoto]:
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


def _keep(store: Store, sha256: str, reading: Reading, job: PhotoJob) -> Read:
    read = Read(reading=reading, working=store.adopt(job.working), preview=store.adopt(job.preview))
    if reading.sha256 == sha256:  # otherwise the file changed meanwhile: used now, read again next time
        store.write(keys.reading(sha256, VERSIONS["reading"]), read)
    return read


def analyse(store: Store, uploaded: UploadedPhotos, tags: Mapping[str, Room], on_progress: OnProgress) -> PhotoAnalysis:
    """Look at every photo, match those that may show one space, and give each its verdict.

    What was measured before is found. Without the network, words alone tell rooms, and the analysis warns of it; such
    looks are not kept.

    Raises:
        BadBrief: a room tag names no photo.
        MissingMedia: a preview is no longer in the store.
        PropertyVideoError: the process that looks at photos died.
    """
    looks, fresh, warning = _looks(store, uploaded.photos, on_progress)
    analysis = judge(uploaded.photos, looks, tags)
    matches = _matches(store, uploaded.photos, pairs_to_match(analysis))
    found = len(uploaded.photos) - fresh
    return with_matches(analysis, matches).model_copy(update={"found": found, "warning": warning})


def _looks(store: Store, photos: Sequence[Photo], on_progress: OnProgress) -> tuple[tuple[Look, ...], int, str]:
    """The look of every photo, how many had to be taken, and what they lack."""
    known = [store.read(keys.look(photo.reading.sha256, VERSIONS["look"]), Look) for photo in photos]
    missing = [index for index, look in enumerate(known) if look is None]
    taken: dict[int, Look] = {}

    def keep(number: int, look: Look) -> None:
        taken[missing[number]] = look
        if look.rooms:
            store.write(keys.look(photos[missing[number]].reading.sha256, VERSIONS["look"]), look)
        on_progress(len(photos) - len(missing) + len(taken), len(photos))

    warning = look_at_all([store.media_path(photos[index].preview) for index in missing], keep)
    if not missing:
        on_progress(len(photos), len(photos))
    return tuple(look or taken[index] for index, look in enumerate(known)), len(missing), warning


def _matches(store: Store, photos: Sequence[Photo], pairs: Sequence[tuple[int, int]]) -> tuple[Match, ...]:
    """What each pair has in common; its photos are named as this listing names them."""
    points: dict[int, Features] = {}

    def points_of(index: int) -> Features:
        if index not in points:
            points[index] = features(store.media_path(photos[index].preview))
        return points[index]

    matches = []
    for i, j in pairs:
        key = keys.match(photos[i].reading.sha256, photos[j].reading.sha256, VERSIONS["match"])
        match = store.read(key, Match)
        if match is None:
            match = match_photos(points_of(i), points_of(j), photos[i].name, photos[j].name)
            store.write(key, match)
        matches.append(match.model_copy(update={"first": photos[i].name, "last": photos[j].name}))
    return tuple(matches)
