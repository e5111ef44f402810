"""What steps made: takes, clips, tracks and films, as records.

A take is what an order's fingerprint is found by, whoever ordered it; a clip is a take in its place in the film.

Not here: making or keeping them.
"""

from property_video.core.chosen import Chosen
from property_video.core.conformed import Conformed
from property_video.core.ladders import EMBEDDED
from property_video.core.probe import ClipMeasures
from property_video.core.records import Record
from property_video.core.sound import TrackMeasures


class MediaRef(Record):
    """A file in the store: its media key and its size in bytes."""

    key: str
    bytes: int


class Take(Record):
    """One clip made for an order.

    `stills` are JPEGs of its first, middle and last frame, taken from the verified clip. `wall_s` and `cpu_s` are what
    making it took. `first`, `last` and `move` are the photos and the camera move it was made of. `conformed` tells how
    a hosted model's clip was brought to the film's form.
    """

    fingerprint: str
    media: MediaRef
    stills: tuple[MediaRef, ...]
    provider: str
    frames: int
    measures: ClipMeasures
    wall_s: float
    cpu_s: float
    first: str = ""
    last: str = ""
    move: str = ""
    conformed: Conformed | None = None


class Clip(Record):
    """A scene of the film: its take and its photos, or why it is left out.

    `cost_usd` is what hosted models were paid for it in `attempts`, `fell` why those were not it that were asked
    before the one that made it.
    """

    scene: str
    number: int
    title: str
    left_out: str = ""
    take: Take | None = None
    first: str = ""
    last: str = ""
    move: str = ""
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    cost_usd: float = 0.0
    attempts: int = 0
    fell: tuple[str, ...] = ()
    found: bool = False

    @property
    def fallen(self) -> bool:
        """Whether the embedded provider stands in for hosted models."""
        return self.take is not None and self.take.provider == EMBEDDED and bool(self.fell)


class Track(Record):
    """The sound of the whole film. `cuts` are the frames at which scenes change.

    `provider` is "client" for a track of the client's own; then `file` is its name, `mood` is empty, and `remark` tells
    which part of it is played. `cost_usd`, `attempts` and `fell` are as for clips.
    """

    fingerprint: str
    media: MediaRef
    provider: str
    mood: str
    seed: int
    file: str = ""
    remark: str = ""
    frames: int
    cuts: tuple[int, ...]
    measures: TrackMeasures
    wall_s: float
    cpu_s: float
    cost_usd: float = 0.0
    attempts: int = 0
    fell: tuple[str, ...] = ()
    found: bool = False

    @property
    def fallen(self) -> bool:
        """Whether the embedded provider stands in for hosted models."""
        return self.provider == EMBEDDED and bool(self.fell)


class Film(Record):
    """The final video: what it is made of, and the request that it answers.

    `choices` tell of the vision models that were asked to choose. `cost_usd` is all that was paid for it.
    """

    campaign: str
    client: str
    title: str
    request: str
    storyboard: str
    fingerprint: str
    media: MediaRef
    frames: int
    duration_s: float
    measures: TrackMeasures
    scenes: tuple[Clip, ...]
    track: Track
    choices: tuple[Chosen, ...] = ()
    cost_usd: float
    wall_s: float
    cpu_s: float
    found: bool = False

    def shows(self, piece: Clip | Track) -> bool:
        """Whether the film was made of this clip, or of this track."""
        if isinstance(piece, Track):
            return self.track.media == piece.media
        shown = next((clip for clip in self.scenes if clip.scene == piece.scene), None)
        return shown is not None and _media(shown) == _media(piece)


def _media(clip: Clip) -> MediaRef | None:
    return clip.take.media if clip.take is not None else None
