"""Whether a campaign's film would come out otherwise if it were made now: by code, model registry or storyboard.

Told from records alone, by output fingerprints: what would be ordered now is compared with what the film is made of.
No photo is read, nobody is asked, nothing is written.

Not here: making it again (backfilling.py); photos, briefs and edits that changed (the sensor on uploads sees those).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from property_video.core.buying import Market
from property_video.core.camera import Move
from property_video.core.errors import BadInput
from property_video.core.fingerprints import VERSIONS
from property_video.core.money import in_usd
from property_video.core.orders import Orders, film_fingerprint, film_tags, plan
from property_video.core.outputs import Film
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.wishes import Wishes
from property_video.defs.wanted import wanted
from property_video.orders.choosing import known_pairs, pairs_by_rule
from property_video.orders.place import place
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.edits import read_edits


@dataclass(frozen=True)
class Staleness:
    """What would be another one now, and what hosted models would cost for it if the first choices deliver.

    `pieces` are scenes, "audio_track", "final_video", or "photos" when photos would be read or looked at anew, so that
    the rest cannot be told. `cannot` says why a film cannot be made now, or is "".
    """

    pieces: tuple[str, ...] = ()
    estimate_usd: float = 0.0
    cannot: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether another film would be made."""
        return bool(self.pieces)


def staleness(store: Store, film: Film, moves: Mapping[str, Move], market: Market) -> Staleness:
    """Compare a film with what would be ordered now.

    Raises:
        StoreError: the store cannot be read.
    """
    campaign = film.campaign
    written = store.read(keys.record("brief", campaign), Wishes)
    uploaded = store.read(keys.record("uploaded_photos", campaign), UploadedPhotos)
    analysis = store.read(keys.record("photo_analysis", campaign), PhotoAnalysis)
    before = store.read(keys.record("selected_pairs", campaign), ShotList)
    if written is None or uploaded is None or analysis is None or _reads_anew(store, uploaded):
        return Staleness(pieces=("photos",))
    try:
        wishes = wanted(campaign, written.brief, written.recording, read_edits(store, campaign))
        planned = place(store, _planned(store, wishes, uploaded, analysis, before, moves, market))
    except BadInput as error:
        return Staleness(cannot=str(error))
    estimate = sum(piece.bill.estimate for piece in planned.pieces() if not piece.found)
    return Staleness(pieces=tuple(_changed(film, planned)), estimate_usd=in_usd(estimate))


def _planned(
    store: Store,
    wishes: Wishes,
    uploaded: UploadedPhotos,
    analysis: PhotoAnalysis,
    before: ShotList | None,
    moves: Mapping[str, Move],
    market: Market,
) -> Orders:
    by_rule = pairs_by_rule(wishes, uploaded, analysis, before)
    shot_list = known_pairs(store, wishes, uploaded, analysis, by_rule)
    return plan(wishes, shot_list, uploaded, analysis, moves, market)


def _reads_anew(store: Store, uploaded: UploadedPhotos) -> bool:
    """Whether this version reads or looks at photos otherwise; versions are the same for all photos."""
    sha256 = uploaded.photos[0].reading.sha256
    known = (keys.reading(sha256, VERSIONS["reading"]), keys.look(sha256, VERSIONS["look"]))
    return not all(map(store.exists, known))


def _changed(film: Film, planned: Orders) -> list[str]:
    """The pieces that are not those of the film; where all are, whether they would be joined otherwise."""
    shown = {clip.scene: clip.take.fingerprint for clip in film.scenes if clip.take is not None}
    ordered = {order.scene: order.fingerprint for order in planned.scenes if not order.left_out}
    pieces = sorted(scene for scene in shown.keys() | ordered.keys() if shown.get(scene) != ordered.get(scene))
    if planned.track.fingerprint != film.track.fingerprint:
        pieces.append("audio_track")
    if pieces:
        return pieces
    name = film_fingerprint(film.scenes, film.track, film_tags(planned.wishes.brief, film.campaign))
    return [] if name == film.fingerprint else ["final_video"]
