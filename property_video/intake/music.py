"""A client's own track: found beside the brief, checked and taken into the store.

Not here: what may be given (core/recording.py), decoding it (media/recordings.py).
"""

import shutil
import unicodedata

from property_video.core.brief import Brief
from property_video.core.errors import BadBrief, BadInput
from property_video.core.fingerprints import VERSIONS
from property_video.core.photo import Rejection
from property_video.core.recording import LARGEST_RECORDING, Recording, check_recording
from property_video.core.spelling import did_you_mean
from property_video.core.upload import Upload, UploadFile
from property_video.intake.briefs import read_brief
from property_video.media.recordings import decode, listen
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.disk import sha256_of, translated


def find_music(upload: Upload, brief: Brief) -> UploadFile | None:
    """The sound file that the brief names; None when it names none. Upper and lower case are alike.

    Its beginning is decoded, so that a broken file is told before anything is made.

    Raises:
        BadInput: it is not beside the brief, cannot be read or decoded, or is too large.
    """
    wanted = brief.music.file
    if wanted is None:
        return None
    rejected = next((each for each in upload.rejected if _alike(each.file, wanted)), None)
    if rejected is not None:
        raise BadInput(f"music.file: {wanted} {rejected.reason}", "Put a readable sound file beside the brief.")
    file = next((each for each in upload.sounds if _alike(each.name, wanted)), None)
    if file is None:
        near = did_you_mean(wanted, [each.name for each in upload.sounds if "/" not in each.name])
        raise BadInput(f"music.file: there is no sound file {wanted} beside the brief.", near or "Put it there.")
    if file.file_bytes > LARGEST_RECORDING:
        raise BadInput(
            f"music.file: {wanted} has {file.file_bytes / 1e6:.0f} MB; at most {LARGEST_RECORDING / 1e6:.0f} are read.",
            "Export it as MP3, M4A or FLAC.",
        )
    next(decode(file.path, file.name))
    return file


def take_in_music(store: Store, upload: Upload, brief: Brief) -> Recording | None:
    """Bring the sound file that the brief names into the store; what was taken in before is found by its bytes.

    Raises:
        BadInput: see `find_music`; or it cannot be decoded, is too short, too long or silent.
        StoreFull, StoreError: the store cannot be written.
    """
    file = find_music(upload, brief)
    if file is None:
        return None
    try:
        sha = sha256_of(file.path)
    except OSError as error:
        raise BadInput(f"music.file: {file.name} cannot be read: {error.strerror}.", "Make it readable.") from error
    kept = store.read(keys.recording(sha, VERSIONS["recording"]), Recording)
    if kept is not None and store.holds(kept.media):
        return kept.model_copy(update={"name": file.name})
    with store.scratch("music") as scratch:
        copy = scratch / f"recording{file.path.suffix.lower()}"
        with translated(copy):
            shutil.copyfile(file.path, copy)
        heard = listen(copy, file.name)
        check_recording(file.name, heard.seconds, heard.loudest_dbfs)
        recording = Recording(name=file.name, media=store.adopt(copy), seconds=round(heard.seconds, 3))
    if sha in recording.media.key:  # otherwise the file changed meanwhile: used now, read again next time
        store.write(keys.recording(sha, VERSIONS["recording"]), recording)
    return recording


def unplayed(upload: Upload) -> list[Rejection]:
    """Sound files that no brief names, rejected with the way to have them played."""
    try:
        wanted = read_brief(upload.brief).music.file
    except BadBrief:  # told where the brief is read
        wanted = None
    return [
        Rejection(
            file=sound.name,
            reason="is a sound file that the brief does not name.",
            remedy="Have it played with `music: {file: NAME}` in campaign.yaml, or remove it.",
        )
        for sound in upload.sounds
        if wanted is None or not _alike(sound.name, wanted)
    ]


def _alike(name: str, other: str) -> bool:
    """File systems differ in how they write accents."""
    return unicodedata.normalize("NFC", name).casefold() == unicodedata.normalize("NFC", other).casefold()
