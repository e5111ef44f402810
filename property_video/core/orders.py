"""Orders: which work has to be done for a film, and the fingerprint of each piece.

An order depends on its own inputs only, so that a change stays local: nothing of the other scenes is in a clip's
fingerprint, and nothing of the photos is in the track's.

Not here: whether the work has been done before (orders/place.py) and doing it (orders/settle.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

from property_video.core.brief import Brief
from property_video.core.buying import Bill, Market, Sight, Terms, bill_clip, bill_track
from property_video.core.camera import ANCHOR_Y, Move, Pose, Shot
from property_video.core.chosen import Chosen
from property_video.core.edits import Edits, SceneEdit
from property_video.core.errors import BadBrief
from property_video.core.film import FILM
from property_video.core.fingerprints import fingerprint
from property_video.core.joins import DISSOLVE, Join, Match, choose_join
from property_video.core.ladder import HostedOrder
from property_video.core.ladders import EMBEDDED, check_ladder, hosted
from property_video.core.money import in_usd
from property_video.core.moods import MOODS
from property_video.core.naming import match_name
from property_video.core.outputs import Clip, Track
from property_video.core.pairing import Pair, ShotList
from property_video.core.photo import Photo, PhotoAnalysis, Room, UploadedPhotos, Verdict
from property_video.core.recording import Recording
from property_video.core.records import Record
from property_video.core.score import Passage
from property_video.core.storyboard import Scene
from property_video.core.wishes import Wishes, with_money

CLIENT: Final = "client"
"""Who provides the track where the brief names a file of the client's own."""

NOTHING: Final = Market()
"""Where nothing is for sale."""

OUTDOORS: Final[frozenset[Room]] = frozenset({"exterior", "pool", "terrace", "garden", "view", "aerial", "entrance"})

OUTDOORS_ANCHOR_Y: Final = 0.40
"""Outdoors the sky gives way when a photo is cut to the film's shape; indoors the floor stays (ANCHOR_Y)."""


class PhotoInput(Record):
    """A photo as an order needs it.

    `working` and `preview` are its copies in the store, `width` and `height` pixels of the upright picture; `pose` is
    what the camera has to know of it.
    """

    name: str
    working: str
    preview: str
    room: Room
    width: int
    height: int
    pose: Pose = Pose()


class SceneOrder(Record):
    """One scene's clip, ordered; or why the scene is left out. `found` says that the clip existed already.

    `bill` is what hosted models are asked for it; `own_fingerprint` names the embedded clip that stands in when none
    of them delivers. `pinned` says that a person chose the take. `provider` and `cost_usd` are the first one's.
    """

    scene: str
    number: int
    title: str
    first: PhotoInput | None = None
    last: PhotoInput | None = None
    shot: Shot | None = None
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    left_out: str = ""
    provider: str = EMBEDDED
    cost_usd: float = 0.0
    bill: Bill = Bill()
    fingerprint: str = ""
    own_fingerprint: str = ""
    pinned: bool = False
    found: bool = False

    def embedded(self) -> "SceneOrder":
        """The same clip, ordered of the embedded provider."""
        own = {"fingerprint": self.own_fingerprint, "provider": EMBEDDED, "bill": Bill(), "cost_usd": 0.0}
        return self.model_copy(update=own)


class TrackOrder(Record):
    """The film's track, ordered: to be composed, or to be cut from the client's `recording` (then without a mood).

    `bill` and `own_fingerprint` are as for scenes.
    """

    passages: tuple[Passage, ...]
    fps: int
    mood: str
    seed: int
    recording: Recording | None = None
    provider: str = EMBEDDED
    cost_usd: float = 0.0
    bill: Bill = Bill()
    fingerprint: str
    own_fingerprint: str = ""
    found: bool = False

    def embedded(self) -> "TrackOrder":
        """The same track, ordered of the embedded provider."""
        own = {"fingerprint": self.own_fingerprint, "provider": EMBEDDED, "bill": Bill(), "cost_usd": 0.0}
        return self.model_copy(update=own)

    def cuts(self) -> tuple[int, ...]:
        """Frames at which scenes begin, without 0."""
        return tuple(accumulate(passage.frames for passage in self.passages))[:-1]

    @property
    def frames(self) -> int:
        """Length of the film."""
        return sum(passage.frames for passage in self.passages)


class Orders(Record):
    """All work of one film, and what is needed to order one scene anew after an edit.

    `choices` tell of the vision models that were asked to choose its photos. `run` is the run that placed them: what
    was found then was there before it.
    """

    wishes: Wishes
    photos: tuple[PhotoInput, ...]
    matches: tuple[Match, ...] = ()
    pairs: tuple[Pair, ...]
    listing: str
    scenes: tuple[SceneOrder, ...]
    track: TrackOrder
    choices: tuple[Chosen, ...] = ()
    run: str = ""

    def pieces(self) -> "tuple[SceneOrder | TrackOrder, ...]":
        """The orders of all scenes, and that of the track."""
        return (*self.scenes, self.track)

    def hosted(self) -> tuple[HostedOrder, ...]:
        """Everything that hosted models are asked for."""
        return tuple(order for piece in self.pieces() for order in piece.bill.orders)

    def scene(self, key: str) -> SceneOrder:
        """The order of one scene; a storyboard with fewer scenes leaves the last ones out."""
        for order in self.scenes:
            if order.scene == key:
                return order
        number = int(key.rsplit("_", 1)[-1])
        return SceneOrder(
            scene=key, number=number, title="", left_out=f"The storyboard {self.wishes.storyboard.name} has no {key}."
        )


def request_fingerprint(listing: str, edits: Edits) -> str:
    """The fingerprint of what is wanted: uploads (with the brief among them) and edits."""
    return fingerprint("request", listing=listing, edits=edits)


def plan(
    wishes: Wishes,
    shot_list: ShotList,
    uploaded: UploadedPhotos,
    analysis: PhotoAnalysis,
    moves: Mapping[str, Move],
    market: Market = NOTHING,
) -> Orders:
    """Order the clips of all scenes in the shot list, and the track for those that are in the film.

    Raises:
        BadBrief: an edit names a model that does not exist, or one that costs money where there is no budget.
    """
    verdicts = {verdict.name: verdict for verdict in analysis.verdicts}
    photos = tuple(_photo_input(photo, verdicts[photo.name]) for photo in uploaded.photos)
    planned = _plan(wishes, shot_list.pairs, photos, analysis.matches, uploaded.listing, moves, market)
    choices = tuple(chosen for chosen in (analysis.chosen, shot_list.chosen) if chosen is not None)
    return planned.model_copy(update={"choices": choices})


def _photo_input(photo: Photo, verdict: Verdict) -> PhotoInput:
    look = verdict.look
    return PhotoInput(
        name=photo.name,
        working=photo.working,
        preview=photo.preview,
        room=verdict.room,
        width=photo.reading.width,
        height=photo.reading.height,
        pose=Pose(focus_x=look.focus_x, focus_y=look.focus_y, roll=look.roll, dusk=verdict.evening),
    )


def replan(orders: Orders, edits: Edits, moves: Mapping[str, Move], market: Market = NOTHING) -> Orders:
    """The same orders after later edits of scenes, budget and track: what a scene that is made alone follows.

    What may change the whole shot list waits for a whole run: other edits of the campaign (storyboard, seed, mood), and
    chosen photos that a person took back, whose places have to be filled anew.

    Raises:
        BadBrief: as `plan`, and for one photo that is named twice.
    """
    before = orders.wishes.edits
    scenes = {key: _photos_kept(before.scene(key), edits.scene(key)) for key in {*before.scenes, *edits.scenes}}
    standing = before.model_copy(
        update={
            "scenes": {key: edit for key, edit in sorted(scenes.items()) if edit != SceneEdit()},
            "budget_usd": edits.budget_usd,
            "music": edits.music,
        }
    )
    if standing == before:
        return orders
    wishes = with_money(orders.wishes, standing)
    names = [photo.name for photo in orders.photos]
    pairs = tuple(_edited(pair, standing.scene(pair.scene), names) for pair in orders.pairs)
    planned = _plan(wishes, pairs, orders.photos, orders.matches, orders.listing, moves, market)
    return planned.model_copy(update={"choices": orders.choices})


def _photos_kept(before: SceneEdit, after: SceneEdit) -> SceneEdit:
    """The later edit, with the earlier one's photos when it names none."""
    if after.first or after.last:
        return after
    return after.model_copy(update={"first": before.first, "last": before.last})


def _edited(pair: Pair, edit: SceneEdit, names: list[str]) -> Pair:
    """The pair with the photos that a person chose since it was made; the other one gives way, if need be."""
    first = match_name(edit.first, names) if edit.first else pair.first
    last = match_name(edit.last, names) if edit.last else pair.last
    if (first, last) == (pair.first, pair.last):
        return pair
    if first == last and edit.first and edit.last:
        raise BadBrief(f"{pair.scene}: {first} cannot be both first and last photo.", "Name another one.")
    if first == last:
        first, last = pair.last, pair.first
    if not first:
        first, last = last, ""
    chosen = tuple(f"{name} was chosen by hand." for name in (first, last) if name not in ("", pair.first, pair.last))
    return pair.model_copy(update={"first": first, "last": last, "confidence": 1.0, "reasons": chosen, "left_out": ""})


def _plan(
    wishes: Wishes,
    pairs: tuple[Pair, ...],
    photos: tuple[PhotoInput, ...],
    matches: tuple[Match, ...],
    listing: str,
    moves: Mapping[str, Move],
    market: Market,
) -> Orders:
    by_name = {photo.name: photo for photo in photos}
    scenes = dict(wishes.storyboard.numbered())
    market = market.model_copy(update={"terms": _terms(market.terms, wishes.brief)})
    orders = tuple(
        _asked(_order_scene(pair, scenes[pair.number], by_name, matches, wishes, moves), scenes, wishes, market)
        for pair in pairs
    )
    return Orders(
        wishes=wishes,
        photos=photos,
        matches=matches,
        pairs=pairs,
        listing=listing,
        scenes=orders,
        track=_order_track(orders, scenes, wishes, market),
    )


def _terms(terms: Terms, brief: Brief) -> Terms:
    """The market's terms with what the brief says of them."""
    said = {"guidelines": brief.brand.guidelines or "", "allow_non_commercial": brief.allow_non_commercial}
    return terms.model_copy(update=said)


def _order_scene(
    pair: Pair,
    scene: Scene,
    photos: Mapping[str, PhotoInput],
    matches: tuple[Match, ...],
    wishes: Wishes,
    moves: Mapping[str, Move],
) -> SceneOrder:
    base = SceneOrder(scene=pair.scene, number=pair.number, title=pair.title)
    if pair.left_out:
        return base.model_copy(update={"left_out": pair.left_out})
    edit = wishes.edits.scene(pair.scene)
    first, last = photos[pair.first], photos[pair.last] if pair.last else None
    shot = Shot(
        move=moves[edit.move or scene.move],
        frames=FILM.frames(edit.seconds or scene.seconds),
        seed=edit.seed if edit.seed is not None else wishes.seed + pair.number,
        anchor_y=OUTDOORS_ANCHOR_Y if first.room in OUTDOORS else ANCHOR_Y,
        join=_join(first, last, matches) if last else DISSOLVE,
        first=first.pose,
        last=last.pose if last else Pose(),
    )
    own = fingerprint("clip", provider=EMBEDDED, first=first.working, last=last.working if last else None, shot=shot)
    return base.model_copy(
        update={
            "first": first,
            "last": last,
            "shot": shot,
            "confidence": pair.confidence,
            "reasons": pair.reasons,
            "fingerprint": edit.take or own,
            "own_fingerprint": own,
            "pinned": edit.take is not None,
        }
    )


def _asked(order: SceneOrder, scenes: Mapping[int, Scene], wishes: Wishes, market: Market) -> SceneOrder:
    """The order with what hosted models are asked for, when somebody named any that can make it."""
    ladder = wishes.edits.scene(order.scene).video or wishes.scene_ladders.get(order.number, ())
    check_ladder("video", ladder, f"{order.scene}: video", market.registry.video)
    _check_budget(ladder, order.scene, wishes)
    if order.first is None or order.shot is None or order.pinned or not hosted(ladder):
        return order
    scene, last = scenes[order.number], order.last
    sight = Sight(first=order.first.room, last=last.room if last else None, evening=order.first.pose.dusk)
    name = fingerprint(
        "hosted_clip",
        provider=hosted(ladder),
        first=order.first.working,
        last=last.working if last else None,
        shot=order.shot,
        words=[scene.title, scene.wants, scene.video_prompt, scene.negative_prompt],
        guidelines=market.terms.guidelines,
        sight=sight,
    )
    bill = bill_clip(
        wishes.campaign,
        order.scene,
        name,
        ladder,
        market.registry,
        scene,
        sight,
        order.shot.frames,
        order.shot.film.fps,
        market.terms,
    )
    return order.model_copy(update=_billed(bill, name))


def _billed(bill: Bill, name: str) -> dict[str, object]:
    """What a bill changes of an order: nothing but itself, where every model was passed over."""
    if not bill.orders:
        return {"bill": bill}
    asked = bill.orders[0].rungs[0].name
    return {"bill": bill, "fingerprint": name, "provider": asked, "cost_usd": in_usd(bill.estimate)}


def _check_budget(ladder: Sequence[str], where: str, wishes: Wishes) -> None:
    if hosted(ladder) and wishes.budget is None:
        raise BadBrief(
            f"{where}: {hosted(ladder)[0]} costs money, and nobody said how much it may be.",
            "Say budget_usd in the brief, or --budget, and make the whole film.",
        )


def _join(first: PhotoInput, last: PhotoInput, matches: tuple[Match, ...]) -> Join:
    """The join that two photos allow, whichever of them was matched with the other."""
    found = (each if each.first == first.name else each.backwards() for each in matches)
    match = next((each for each in found if (each.first, each.last) == (first.name, last.name)), None)
    first_size, last_size = (first.width, first.height), (last.width, last.height)
    return choose_join(match, first_size, last_size, first.pose.roll, last.pose.roll)


def _order_track(
    orders: tuple[SceneOrder, ...], scenes: Mapping[int, Scene], wishes: Wishes, market: Market
) -> TrackOrder:
    passages = tuple(
        Passage(frames=order.shot.frames, energy=scenes[order.number].energy, title=order.title)
        for order in orders
        if order.shot is not None
    )
    if wishes.recording is not None:
        return order_fitted(passages, wishes.recording)
    music = {"passages": passages, "fps": FILM.fps, "mood": wishes.mood, "seed": wishes.music_seed}
    own = fingerprint("track", provider=EMBEDDED, **music)
    order = TrackOrder(**music, fingerprint=own, own_fingerprint=own)
    ladder = wishes.ladders.music or ()
    check_ladder("music", ladder, "music", market.registry.music)
    _check_budget(ladder, "music", wishes)
    shown = [(scenes[each.number], each.shot.frames / FILM.fps) for each in orders if each.shot is not None]
    if not hosted(ladder) or not shown:
        return order
    words = [[scene.title, scene.music_prompt, scene.energy] for scene, _ in shown]
    name = fingerprint("hosted_track", provider=hosted(ladder), words=words, **music)
    tempo = MOODS[wishes.mood].tempo
    bill = bill_track(
        wishes.campaign, "audio_track", name, ladder, market.registry, shown, wishes.mood, tempo, market.terms
    )
    return order.model_copy(update=_billed(bill, name))


def order_fitted(passages: tuple[Passage, ...], recording: Recording) -> TrackOrder:
    """A client's track depends on its bytes and the film's cuts: titles, energies, mood and seed change nothing."""
    order = TrackOrder(
        passages=passages, fps=FILM.fps, mood="", seed=0, recording=recording, provider=CLIENT, fingerprint=""
    )
    cuts = {"cuts": order.cuts(), "frames": order.frames, "fps": order.fps}
    name = fingerprint("track", provider=CLIENT, recording=recording.media.key, **cuts)
    return order.model_copy(update={"fingerprint": name})


def film_tags(brief: Brief, campaign: str) -> dict[str, str]:
    """Title and comment of the film: facts of the property only, because the master is unbranded.

    Listing services refuse agent, phone, address of a website or slogan anywhere in a film; facts, address and price
    are allowed.
    """
    facts = brief.property
    lines = [
        facts.headline,
        facts.address,
        f"{facts.bedrooms} bedrooms" if facts.bedrooms is not None else None,
        f"{facts.bathrooms:g} bathrooms" if facts.bathrooms is not None else None,
        f"{facts.area_m2:g} m²" if facts.area_m2 is not None else None,
        f"{facts.price.amount:,.0f} {facts.price.currency}" if facts.price else None,
        *facts.highlights,
    ]
    return {"title": facts.name or campaign, "comment": " · ".join(line for line in lines if line)}


def film_fingerprint(clips: Iterable[Clip], track: Track, tags: Mapping[str, str]) -> str:
    """The fingerprint of a film that is joined from these clips (those that are shown) and this track."""
    shown = [clip.take.media.key for clip in clips if clip.take is not None]
    return fingerprint("film", clips=shown, track=track.media.key, tags=dict(tags), film=FILM)


def scene_orders_in_film(orders: Orders) -> tuple[SceneOrder, ...]:
    """Orders of the scenes that are in the film, in order."""
    return tuple(order for order in orders.scenes if not order.left_out)
