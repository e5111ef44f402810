"""Which photos fill which scene: the shot list.

The best assignment over the whole film, in the currency of scoring.py. The rules around it, in order:
1. What a person chose stands.
2. A flawed photo (blurred, dark, small) may appear only when no sound one shows its room; a near-duplicate never.
3. No photo appears twice. Every scene that can have a photo gets one before any gets a second one.
4. What was in the film before stays, unless something is clearly better.
5. Photos whose room nobody knows fill the scenes that are left, in the order the photographer worked through the house:
   both photos of such a scene come from one visit.
6. A scene nobody can fill is left out and says so. One photo makes a film of one scene.

Not here: what a photo is worth in a scene (scoring.py), how a camera moves over the pair (camera.py), what a photo
shows (analysis.py).
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from property_video.core.chosen import Chosen
from property_video.core.edits import Edits
from property_video.core.errors import BadBrief
from property_video.core.naming import match_name
from property_video.core.photo import PhotoAnalysis, Room, Verdict
from property_video.core.records import Record
from property_video.core.scoring import TASTE, Part, Score, fit, joint, match_of, score_pair, score_photo
from property_video.core.storyboard import Scene, Storyboard, scene_key

VISIT_CONFIDENCE: Final = 0.3
"""Confidence in a pair that only the order of taking speaks for."""

GUESS_CONFIDENCE: Final = 0.2
"""Confidence in photos that nothing but the order of upload speaks for."""

CANDIDATES: Final = 60
"""Candidates of a scene that are weighed against those of the others, the best ones. Six other scenes take twelve
photos at most, so that what is left out could hardly have won."""

LOOKS: Final = 200_000
"""Partial films weighed before the best one found so far stands: 0.5 s CPU. Sixty photos of one room need 30 000."""

BEHIND: Final[Mapping[Part, str]] = {
    "room": "it shows less surely what the scene wants",
    "light": "its light suits the scene less",
    "quality": "it is less sharp or less well exposed",
    "joint": "its photos belong together less",
}


class Pair(Record):
    """A scene's first and last photo, or why the scene is left out.

    `last` is empty in a scene of one photo. `confidence` is 0..1. `reasons` are sentences a client understands;
    `alternative` says what would have been next best, and in what it falls behind. `by_hand` says that a person chose
    at least one of the photos.
    """

    scene: str
    number: int
    title: str
    first: str = ""
    last: str = ""
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    alternative: str = ""
    by_hand: bool = False
    left_out: str = ""


class ShotList(Record):
    """The pairs of a campaign, in order; `seed` is the one that decided between equals.

    `advice` is the photographer's note (advice.py). `chosen` tells of the vision model that was asked for the pairs;
    None where none was.
    """

    storyboard: str
    pairs: tuple[Pair, ...]
    seed: int = 0
    advice: tuple[str, ...] = ()
    chosen: Chosen | None = None

    def shown(self) -> tuple[Pair, ...]:
        """Pairs that are in the film."""
        return tuple(pair for pair in self.pairs if not pair.left_out)


class Candidate(NamedTuple):
    """One way to fill a scene; `photos` are its first and, perhaps, its last photo."""

    photos: tuple[Verdict, ...]
    score: Score

    @property
    def names(self) -> frozenset[str]:
        """What no other scene may show then."""
        return frozenset(photo.name for photo in self.photos)


class _Hand(NamedTuple):
    """What a person chose for a scene."""

    first: Verdict | None = None
    last: Verdict | None = None

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None


class _Film:
    """The material of one film: its scenes, its photos in upload order, what belongs together, what a person chose."""

    def __init__(
        self,
        storyboard: Storyboard,
        analysis: PhotoAnalysis,
        *,
        use: frozenset[str],
        never: frozenset[str],
        edits: Edits,
        before: Mapping[str, Pair],
        seed: int,
    ) -> None:
        self.scenes: Mapping[int, Scene] = dict(storyboard.numbered())
        self.names = [verdict.name for verdict in analysis.verdicts]
        self.place = {name: index for index, name in enumerate(self.names)}
        self.matches = match_of(analysis.matches)
        self.use, self.before, self.seed = use, before, seed
        self.notes: dict[int, list[str]] = {number: [] for number in self.scenes}
        self.by_name = {verdict.name: verdict for verdict in analysis.verdicts}
        self.hands = {number: self._hand(number, edits) for number in self.scenes}
        held = {photo.name for hand in self.hands.values() for photo in hand if photo is not None}
        self.free = [
            photo
            for photo in analysis.verdicts
            if photo.name not in never | held and not self._is_copy(photo, analysis.verdicts)
        ]

    def _is_copy(self, photo: Verdict, photos: Iterable[Verdict]) -> bool:
        """Whether another picture of the same stands for it: the one that the brief names, else the best one."""
        if photo.name in self.use:
            return False
        same = photo.duplicate_of or photo.name
        return bool(photo.duplicate_of) or any(
            other.name in self.use and other.duplicate_of == same for other in photos
        )

    def _hand(self, number: int, edits: Edits) -> _Hand:
        edit = edits.scene(scene_key(number))
        first, last = (self._chosen(number, name) for name in (edit.first, edit.last))
        if first is not None and first == last:
            raise BadBrief(
                f"{scene_key(number)}: {first.name} cannot be both first and last photo.", "Name another one."
            )
        for photo, place in ((first, "first"), (last, "last")):
            if photo is not None:
                self.notes[number].append(f"{photo.name} was chosen by hand as {place} photo.")
        return _Hand(first, last)

    def _chosen(self, number: int, name: str | None) -> Verdict | None:
        """The photo a person chose; None, and a word in the shot list, when it has left the upload since."""
        if name is None:
            return None
        try:
            return self.by_name[match_name(name, self.names)]
        except BadBrief:
            self.notes[number].append(f"{name} was chosen by hand and is no longer among the usable photos.")
            return None

    def eligible(self) -> list[Verdict]:
        """Sound photos, wished ones, and flawed ones of rooms that no sound photo shows."""
        shown = {photo.room for photo in self.free if self._is_sound(photo)}
        return [photo for photo in self.free if self._is_sound(photo) or photo.room not in shown]

    def _is_sound(self, photo: Verdict) -> bool:
        return not photo.flaws or photo.name in self.use


def choose_pairs(
    storyboard: Storyboard,
    analysis: PhotoAnalysis,
    *,
    use: Sequence[str] = (),
    never: Sequence[str] = (),
    edits: Edits | None = None,
    seed: int = 0,
    before: ShotList | None = None,
) -> ShotList:
    """Fill a storyboard's scenes with photos, by the rules at the top of this module.

    Args:
        storyboard: the scenes wanted.
        analysis: the verdicts of all usable photos, in upload order, and which of them join.
        use: photos that outrank all others of their room, as the brief names them.
        never: photos that must not appear.
        edits: pairs that a person chose.
        seed: decides between photos of equal merit.
        before: the campaign's last shot list; one of another storyboard or seed counts for nothing, nor do pairs that
            a person chose: what stands of those is in `edits`.

    Raises:
        BadBrief: a named photo does not exist, or one is both first and last.
    """
    names = [verdict.name for verdict in analysis.verdicts]
    comparable = before is not None and (before.storyboard, before.seed) == (storyboard.name, seed)
    film = _Film(
        storyboard,
        analysis,
        use=frozenset(match_name(name, names) for name in use),
        never=frozenset(match_name(name, names) for name in never),
        edits=edits or Edits(),
        before={pair.scene: pair for pair in before.pairs if not pair.by_hand} if before and comparable else {},
        seed=seed,
    )
    photos = film.eligible()
    candidates = {number: _candidates(film, number, photos) for number in film.scenes}
    cast = best_film(candidates)
    pairs = {number: _explained(film, number, cast, candidates[number]) for number in cast}
    taken = frozenset(name for candidate in cast.values() for name in candidate.names)
    unknown = [photo for photo in photos if photo.room == "other" and photo.name not in taken]
    pairs |= _fill_by_visit(film, [number for number in film.scenes if number not in pairs], unknown)
    if not pairs and photos:
        pairs = _fill_with_anything(film, photos)
    return ShotList(
        storyboard=storyboard.name,
        seed=seed,
        pairs=tuple(pairs.get(number) or _left_out(film, number) for number in film.scenes),
    )


# -- candidates --------------------------------------------------------------------------------------------------------


def _candidates(film: _Film, number: int, photos: Sequence[Verdict]) -> list[Candidate]:
    """Ways to fill one scene, the best first."""
    hand = film.hands[number]
    scene = film.scenes[number]
    fitting = [photo for photo in photos if fit(photo, scene) > 0]
    if hand:
        found = _candidates_by_hand(film, number, hand, photos)
    else:
        found = [_single(film, number, photo) for photo in fitting]
        for pair in itertools.combinations(fitting, 2):  # in upload order: photographers take the wide shot first
            together = joint(*pair, film.matches.get(frozenset(photo.name for photo in pair)))
            if together:
                found.append(_pair(film, number, *pair, together))
    return sorted(found, key=lambda candidate: (-candidate.score.total, sorted(candidate.names)))[:CANDIDATES]


def _candidates_by_hand(film: _Film, number: int, hand: _Hand, photos: Sequence[Verdict]) -> list[Candidate]:
    """What a person chose; the half that nobody chose is a photo that fits the scene or goes with the chosen one."""
    if hand.first is not None and hand.last is not None:
        return [_pair(film, number, hand.first, hand.last, TASTE.pair)]
    chosen = hand.first or hand.last
    assert chosen is not None
    found = [_single(film, number, chosen)]
    for photo in photos:
        together = joint(chosen, photo, film.matches.get(frozenset((chosen.name, photo.name))))
        if hand.first is None and fit(photo, film.scenes[number]) > 0:
            together = max(together, TASTE.pair)  # the scene's own room first, then what the person wants to see last
        if together:
            pair = (chosen, photo) if hand.first is not None else (photo, chosen)
            found.append(_pair(film, number, *pair, TASTE.covered + together))
    return found


def _single(film: _Film, number: int, photo: Verdict) -> Candidate:
    return _standing(film, number, (photo,), _score(film, number, photo))


def _pair(film: _Film, number: int, first: Verdict, last: Verdict, together: float) -> Candidate:
    score = score_pair(_score(film, number, first), _score(film, number, last), together)
    return _standing(film, number, (first, last), score)


def _score(film: _Film, number: int, photo: Verdict) -> Score:
    return score_photo(photo, film.scenes[number], number, film.seed)


def _standing(film: _Film, number: int, photos: tuple[Verdict, ...], score: Score) -> Candidate:
    """The candidate, with what wishes and the film before speak for it."""
    names = [photo.name for photo in photos]
    last = film.before.get(scene_key(number))
    bonus = TASTE.wish * sum(name in film.use for name in names)
    if last is not None and [name for name in (last.first, last.last) if name] == names:
        bonus += TASTE.keep
    return Candidate(photos, score.model_copy(update={"standing": score.standing + bonus}))


# -- the best film -----------------------------------------------------------------------------------------------------


def best_film(candidates: Mapping[int, Sequence[Candidate]]) -> dict[int, Candidate]:
    """One candidate for each scene, or none, such that no photo appears twice and the scores' sum is the highest.

    Depth first, the scenes with the fewest candidates first, with the sum of what the scenes that are left could
    bring at most as the bound; a scene may always stay empty. After `LOOKS` partial films the best one so far stands.

    Args:
        candidates: by scene, the best first.

    Returns:
        By scene, in order; scenes that stay empty are missing.
    """
    order = sorted(candidates, key=lambda number: (len(candidates[number]), number))
    most = [max((each.score.total for each in candidates[number][:1]), default=0.0) for number in order]
    rest = [sum(most[depth:]) for depth in range(len(order) + 1)]
    best_sum, best, looks = -1.0, dict[int, Candidate](), 0

    def look(depth: int, total: float, chosen: dict[int, Candidate], taken: frozenset[str]) -> None:
        nonlocal best_sum, best, looks
        looks += 1
        if total > best_sum + 1e-9:
            best_sum, best = total, dict(chosen)
        if depth == len(order) or looks > LOOKS:
            return
        for candidate in candidates[order[depth]]:
            reached = total + candidate.score.total
            if reached + rest[depth + 1] <= best_sum + 1e-9:
                break
            if not candidate.names & taken:
                look(depth + 1, reached, {**chosen, order[depth]: candidate}, taken | candidate.names)
        if total + rest[depth + 1] > best_sum + 1e-9:
            look(depth + 1, total, chosen, taken)

    look(0, 0.0, {}, frozenset())
    return {number: best[number] for number in sorted(best)}


# -- words -------------------------------------------------------------------------------------------------------------


def _explained(film: _Film, number: int, cast: Mapping[int, Candidate], candidates: Sequence[Candidate]) -> Pair:
    chosen, hand = cast[number], film.hands[number]
    first, last = chosen.photos[0], chosen.photos[1] if len(chosen.photos) > 1 else None
    scene = film.scenes[number]
    reasons = [*film.notes[number]]
    if hand.first is None:
        reasons.append(_why(film, scene, first))
    if last is not None and hand.last is None:
        reasons.append(f"{last.name} {_together(film, first, last)}.")
    if last is None:
        reasons.append("One photo only: the camera moves within it.")
    sure = [photo.room_confidence for photo in chosen.photos if photo not in hand]
    return Pair(
        scene=scene_key(number),
        number=number,
        title=scene.title,
        first=first.name,
        last=last.name if last else "",
        confidence=round(min(sure, default=1.0), 2),
        reasons=tuple(reasons),
        alternative="" if hand else _alternative(number, cast, candidates),
        by_hand=bool(hand),
    )


def _why(film: _Film, scene: Scene, photo: Verdict) -> str:
    shown = [room for room in scene.rooms if room in (photo.room, photo.second_room)]
    room = shown[0] if shown else photo.room
    flaw = f", though {' and '.join(photo.flaws)}: nothing else does" if photo.flaws else ""
    dusk = " at dusk" if photo.evening and scene.evening else ""
    wished = ", as the brief asks" if photo.name in film.use else ""
    return f"{photo.name} shows the {_words(room)}{dusk} ({photo.room_source}){wished}{flaw}."


def _together(film: _Film, first: Verdict, last: Verdict) -> str:
    match = film.matches.get(frozenset((first.name, last.name)))
    if match is not None and match.one_move:
        return "shows the same place: one camera move joins them"
    if first.space and first.space == last.space:
        return "shows the same space from another side"
    return "shows the same room"


def _alternative(number: int, cast: Mapping[int, Candidate], candidates: Sequence[Candidate]) -> str:
    """What would fill the scene if its choice were not there, everything else as it is."""
    chosen = cast[number]
    elsewhere = frozenset(name for other, each in cast.items() if other != number for name in each.names)
    for candidate in candidates:
        if candidate.names & elsewhere or candidate.names <= chosen.names:
            continue
        names = " and ".join(photo.name for photo in candidate.photos)
        return f"Next best: {names}; {BEHIND[candidate.score.weakest_against(chosen.score)]}."
    return ""


def _left_out(film: _Film, number: int) -> Pair:
    scene = film.scenes[number]
    return Pair(
        scene=scene_key(number),
        number=number,
        title=scene.title,
        reasons=tuple(film.notes[number]),
        left_out=f"No photo is left that shows {scene.wants}.",
    )


def _words(room: Room) -> str:
    return "dining area" if room == "dining" else room.replace("_", " ")


# -- photos that nobody can place --------------------------------------------------------------------------------------


def _fill_by_visit(film: _Film, empty: Sequence[int], unknown: Sequence[Verdict]) -> dict[int, Pair]:
    """Give the empty scenes, in order, photos of unknown room in the order they were taken."""
    pairs = {}
    for number, chunk in zip(empty, _chunks(unknown, len(empty)), strict=False):
        first, last = chunk[0], chunk[1] if len(chunk) > 1 else None
        reasons = [*film.notes[number], f"{first.name}: its room is unknown; scenes follow the order."]
        if last is not None:
            together = "taken minutes apart" if first.visit else "neighbours in the upload"
            reasons.append(f"{last.name} goes with it: {together}.")
        pairs[number] = Pair(
            scene=scene_key(number),
            number=number,
            title=film.scenes[number].title,
            first=first.name,
            last=last.name if last else "",
            confidence=VISIT_CONFIDENCE if first.visit else GUESS_CONFIDENCE,
            reasons=tuple(reasons),
        )
    return pairs


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


def _fill_with_anything(film: _Film, photos: Sequence[Verdict]) -> dict[int, Pair]:
    """Better a film of one photo that fits no scene than no film."""
    number, scene = next(iter(film.scenes.items()))
    best = max(photos, key=lambda photo: (-len(photo.flaws), _score(film, number, photo).total))
    return {
        number: Pair(
            scene=scene_key(number),
            number=number,
            title=scene.title,
            first=best.name,
            confidence=best.room_confidence / 2,
            reasons=(
                *film.notes[number],
                f"{best.name} is the best photo there is; none fits a scene.",
                "One photo only: the camera moves within it.",
            ),
        )
    }
