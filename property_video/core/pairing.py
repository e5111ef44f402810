"""Which photos fill which scene: the shot list.

The rules, in order:
1. What a person chose stands.
2. A scene shows its own rooms, the most wanted first; every scene gets a first photo before any gets a last one.
3. Photos whose room nobody knows fill the scenes that are left, in the order the photographer worked through the house:
   both photos of such a scene come from one visit.
4. A flawed photo (blurred, dark, small) is used only when no sound one shows its room; a near-duplicate never.
5. A scene nobody can fill is left out and says so. One photo makes a film of one scene.

Not here: how a camera moves over the pair (camera.py), what a photo shows (analysis.py).
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from property_video.core.edits import Edits
from property_video.core.errors import BadBrief
from property_video.core.naming import match_name
from property_video.core.photo import PhotoAnalysis, Room, Verdict
from property_video.core.records import Record
from property_video.core.storyboard import Scene, Storyboard, scene_key

VISIT_CONFIDENCE: Final = 0.3
"""Confidence in a pair that only the order of taking speaks for."""

GUESS_CONFIDENCE: Final = 0.2
"""Confidence in photos that nothing but the order of upload speaks for."""

NEAR_QUALITY: Final = 20
"""Steps of quality, per unit: photos nearer than a twentieth are equals, and the seed decides between them."""


class Pair(Record):
    """A scene's first and last photo, or why the scene is left out.

    `last` is empty in a scene of one photo. `confidence` is 0..1. `reasons` are sentences a client understands.
    """

    scene: str
    number: int
    title: str
    first: str = ""
    last: str = ""
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    left_out: str = ""


class ShotList(Record):
    """The pairs of a campaign, in order."""

    storyboard: str
    pairs: tuple[Pair, ...]

    def shown(self) -> tuple[Pair, ...]:
        """Pairs that are in the film."""
        return tuple(pair for pair in self.pairs if not pair.left_out)


class _Draft:
    """A shot list in the making: who has what, and which photos are free."""

    def __init__(self, storyboard: Storyboard, photos: Sequence[Verdict]) -> None:
        self.scenes: Mapping[int, Scene] = dict(storyboard.numbered())
        self.photos = photos
        self.place = {photo.name: index for index, photo in enumerate(photos)}
        self.first: dict[int, Verdict] = {}
        self.last: dict[int, Verdict] = {}
        self.reasons: dict[int, list[str]] = {number: [] for number in self.scenes}
        self.by_hand: set[int] = set()
        self.confidence: dict[int, float] = {}
        self.taken: set[str] = set()

    def free(self, photos: Iterable[Verdict]) -> list[Verdict]:
        return [photo for photo in photos if photo.name not in self.taken]

    def empty(self) -> list[int]:
        return [number for number in self.scenes if number not in self.first]

    def put_first(self, number: int, photo: Verdict, confidence: float, reason: str) -> None:
        self.first[number] = photo
        self.confidence[number] = confidence
        self.reasons[number].append(reason)
        self.taken.add(photo.name)

    def put_last(self, number: int, photo: Verdict, confidence: float, reason: str) -> None:
        self.last[number] = photo
        self.confidence[number] = min(self.confidence[number], confidence)
        self.reasons[number].append(reason)
        self.taken.add(photo.name)


def choose_pairs(
    storyboard: Storyboard,
    analysis: PhotoAnalysis,
    *,
    use: Sequence[str] = (),
    never: Sequence[str] = (),
    edits: Edits | None = None,
    seed: int = 0,
) -> ShotList:
    """Fill a storyboard's scenes with photos, by the rules at the top of this module.

    Args:
        storyboard: the scenes wanted.
        analysis: the verdicts of all usable photos, in upload order.
        use: photos that outrank all others of their room, as the brief names them.
        never: photos that must not appear.
        edits: pairs that a person chose.
        seed: decides between photos of equal merit.

    Raises:
        BadBrief: a named photo does not exist, or one is both first and last.
    """
    names = [verdict.name for verdict in analysis.verdicts]
    wanted = {match_name(name, names) for name in use}
    banned = {match_name(name, names) for name in never}
    photos = [photo for photo in analysis.verdicts if photo.name not in banned and not photo.duplicate_of]
    ranked = sorted(photos, key=lambda photo: _rank(photo, photo.name in wanted, seed))

    draft = _Draft(storyboard, analysis.verdicts)
    _keep_edits(draft, edits or Edits(), names)
    sound = [photo for photo in ranked if not photo.flaws or photo.name in wanted]
    _fill_by_room(draft, sound)
    _fill_by_visit(draft, [photo for photo in sound if photo.room == "other"])
    _fill_by_room(draft, _only_showing(ranked, sound))
    if not draft.first and ranked:
        _fill_with_anything(draft, ranked)
    _add_lasts(draft, sound)
    return ShotList(storyboard=storyboard.name, pairs=tuple(_pair(draft, number) for number in draft.scenes))


def _rank(photo: Verdict, wanted: bool, seed: int) -> tuple[bool, int, float, str]:
    """Sort key: wished for, fewest flaws, best quality; then a seeded coin that no other photo influences."""
    coin = hashlib.sha256(f"{seed}:{photo.name}".encode()).hexdigest()
    return (not wanted, len(photo.flaws), -round(photo.quality * NEAR_QUALITY), coin)


def _only_showing(ranked: Sequence[Verdict], sound: Sequence[Verdict]) -> list[Verdict]:
    """Flawed photos of rooms that no sound photo shows."""
    shown = {photo.room for photo in sound}
    return [photo for photo in ranked if photo not in sound and photo.room not in shown]


def _keep_edits(draft: _Draft, edits: Edits, names: Sequence[str]) -> None:
    by_name = {photo.name: photo for photo in draft.photos}
    for number in draft.scenes:
        edit = edits.scene(scene_key(number))
        first, last = (_chosen(draft, number, name, names, by_name) for name in (edit.first, edit.last))
        if first is not None and first == last:
            raise BadBrief(
                f"{scene_key(number)}: {first.name} cannot be both first and last photo.", "Name another one."
            )
        if first is not None:
            draft.put_first(number, first, 1.0, f"{first.name} was chosen by hand as first photo.")
        if last is not None and first is not None:
            draft.put_last(number, last, 1.0, f"{last.name} was chosen by hand as last photo.")
        elif last is not None:
            draft.last[number] = last
            draft.taken.add(last.name)
            draft.reasons[number].append(f"{last.name} was chosen by hand as last photo.")
        if last is not None or first is not None:
            draft.by_hand.add(number)


def _chosen(
    draft: _Draft, number: int, name: str | None, names: Sequence[str], by_name: Mapping[str, Verdict]
) -> Verdict | None:
    """The photo a person chose; None, and a word in the shot list, when it has left the upload since."""
    if name is None:
        return None
    try:
        return by_name[match_name(name, names)]
    except BadBrief:
        draft.reasons[number].append(f"{name} was chosen by hand and is no longer among the usable photos.")
        return None


def _fill_by_room(draft: _Draft, photos: Sequence[Verdict]) -> None:
    """Give each empty scene the best free photo of its most wanted room that has one, most wanted rooms first.

    Photos of the light that a scene asks for come first, in all its rooms: the only daylight exterior opens the film,
    and the outro takes what is left.
    """
    deepest = max(len(scene.rooms) for scene in draft.scenes.values())
    for fitting_light, depth in itertools.product((True, False), range(deepest)):
        for number in draft.empty():
            scene = draft.scenes[number]
            lit = [photo for photo in photos if not fitting_light or photo.evening == scene.evening]
            if depth < len(scene.rooms):
                _give_room(draft, number, scene.rooms[depth], lit)


def _give_room(draft: _Draft, number: int, room: Room, photos: Sequence[Verdict]) -> None:
    best = next(iter(draft.free(photo for photo in photos if photo.room == room)), None)
    if best is None:
        return
    flaw = f", though {' and '.join(best.flaws)}: nothing else does" if best.flaws else ""
    draft.put_first(
        number, best, best.room_confidence, f"{best.name} shows the {_words(room)} ({best.room_source}){flaw}."
    )


def _fill_by_visit(draft: _Draft, unknown: Sequence[Verdict]) -> None:
    """Give the empty scenes, in order, photos of unknown room in the order they were taken."""
    empty = draft.empty()
    chunks = _chunks(sorted(draft.free(unknown), key=lambda photo: draft.place[photo.name]), len(empty))
    for number, chunk in zip(empty, chunks, strict=False):
        confidence = VISIT_CONFIDENCE if chunk[0].visit else GUESS_CONFIDENCE
        draft.put_first(number, chunk[0], confidence, f"{chunk[0].name}: its room is unknown; scenes follow the order.")
        if len(chunk) > 1 and number not in draft.last:
            together = "taken minutes apart" if chunk[0].visit else "neighbours in the upload"
            draft.put_last(number, chunk[1], confidence, f"{chunk[1].name} goes with it: {together}.")


def _chunks(photos: Sequence[Verdict], wanted: int) -> list[list[Verdict]]:
    """At most `wanted` ones and twos out of `photos`, in order, each within one visit, spread over the visits.

    The first round takes one chunk of each visit, the next rounds second and further ones, as far as needed.
    """
    by_visit: dict[int, list[Verdict]] = {}
    for photo in photos:
        by_visit.setdefault(photo.visit, []).append(photo)
    # Ones while there are more scenes than pairs could fill, twos otherwise.
    size = 2 if sum(-(-len(group) // 2) for group in by_visit.values()) >= wanted else 1
    queues = [[group[i : i + size] for i in range(0, len(group), size)] for group in by_visit.values()]
    taken: list[list[Verdict]] = []
    for depth in range(max(map(len, queues), default=0)):
        round_ = [queue[depth] for queue in queues if depth < len(queue)]
        taken += _spread(round_, wanted - len(taken))
    place = {photo.name: index for index, photo in enumerate(photos)}
    return sorted(taken, key=lambda chunk: place[chunk[0].name])


def _spread(chunks: Sequence[list[Verdict]], wanted: int) -> list[list[Verdict]]:
    """`wanted` of the chunks, evenly spread, the first and the last among them."""
    if wanted >= len(chunks):
        return list(chunks)
    if wanted <= 1:
        return list(chunks[:wanted])
    return [chunks[round(i * (len(chunks) - 1) / (wanted - 1))] for i in range(wanted)]


def _fill_with_anything(draft: _Draft, ranked: Sequence[Verdict]) -> None:
    """Better a film of one photo that fits no scene than no film."""
    best = ranked[0]
    number = next(iter(draft.scenes))
    draft.put_first(
        number, best, best.room_confidence / 2, f"{best.name} is the best photo there is; none fits a scene."
    )


def _add_lasts(draft: _Draft, photos: Sequence[Verdict]) -> None:
    """Give each scene of one photo a second one of the same room: the camera then moves from one to the other."""
    for number, first in draft.first.items():
        if number in draft.last or first.room == "other":
            continue
        same = draft.free(photo for photo in photos if photo.room == first.room)
        if not same:
            continue
        # Photos of one visit show one room; two bedrooms of a house have one name but two visits.
        best = min(same, key=lambda photo: (photo.evening != first.evening, photo.visit != first.visit))
        if first.visit and best.visit and best.visit != first.visit:
            continue
        draft.put_last(number, best, best.room_confidence, f"{best.name} shows the same room.")


def _pair(draft: _Draft, number: int) -> Pair:
    scene, last = draft.scenes[number], draft.last.get(number)
    first = draft.first.get(number) or last
    base = Pair(scene=scene_key(number), number=number, title=scene.title)
    if first is None:
        return base.model_copy(update={"left_out": f"No photo is left that shows {scene.wants}."})
    if last == first:
        last = None
    if last is not None and number not in draft.by_hand and draft.place[last.name] < draft.place[first.name]:
        first, last = last, first  # photographers take the wide shot first
    reasons = [*draft.reasons[number]]
    if last is None:
        reasons.append("One photo only: the camera moves within it.")
    return base.model_copy(
        update={
            "first": first.name,
            "last": last.name if last else "",
            "confidence": round(draft.confidence.get(number, 1.0), 2),
            "reasons": tuple(reasons),
        }
    )


def _words(room: Room) -> str:
    return room.replace("_", " ")
