"""What a campaign wants: brief and edits resolved against the storyboards, moves and models that ship.

Not here: the rules (core/wishes.py), the asset that shows it (assets/photos.py).
"""

from collections.abc import Collection
from pathlib import Path

from property_video.core.brief import Brief
from property_video.core.edits import Edits
from property_video.core.ladders import Work
from property_video.core.recording import Recording
from property_video.core.wishes import Wishes, resolve, storyboard_wanted
from property_video.intake.briefs import read_brief
from property_video.intake.music import take_in_music
from property_video.media.upload_files import list_upload
from property_video.providers.registry import load_registry
from property_video.store.base import Store
from property_video.storyboards import load_moves, load_storyboard


def wanted(campaign: str, written: Brief, recording: Recording | None, edits: Edits) -> Wishes:
    """A campaign's wishes.

    Raises:
        BadBrief: a wish names what does not exist, or hosted models without a budget.
    """
    storyboard = load_storyboard(storyboard_wanted(written, edits))
    registry = load_registry()
    models: dict[Work, Collection[str]] = {"video": registry.video, "music": registry.music, "choice": registry.choice}
    return resolve(campaign, written, edits, storyboard, load_moves(), models, recording)


def brief_in(store: Store, folder: Path) -> tuple[Brief, Recording | None]:
    """The brief in a folder, and the client's track that it names.

    Raises:
        BadInput: the folder, the brief or the track breaks a rule.
        StoreFull, StoreError: the store cannot be written.
    """
    upload = list_upload(folder)
    written = read_brief(upload.brief)
    return written, take_in_music(store, upload, written)
