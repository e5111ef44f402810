"""Orders: changes stay local, and a scene that is made alone follows later edits."""

from typing import Any

import pytest

from property_video.core.brief import Brief, PhotoWishes, parse_brief
from property_video.core.edits import Edits, SceneEdit
from property_video.core.errors import BadBrief
from property_video.core.joins import Match
from property_video.core.orders import (
    Orders,
    film_tags,
    plan,
    replan,
    request_fingerprint,
    scene_orders_in_film,
)
from property_video.core.pairing import choose_pairs
from property_video.core.photo import Look, Photo, PhotoAnalysis, Reading, Rejection, UploadedPhotos, Verdict
from property_video.core.wishes import photo_wishes, resolve, storyboard_wanted
from property_video.storyboards import load_moves, load_storyboard

ROOMS = {
    "pool.jpg": "pool",
    "bedroom-1.jpg": "bedroom",
    "bedroom-2.jpg": "bedroom",
    "dining.jpg": "dining",
    "odd.jpg": "floor_plan",
}

MOVES = load_moves()


def uploaded(**bytes_of: str) -> UploadedPhotos:
    """The listing; a keyword gives a photo (by its stem) other bytes."""
    photos = []
    for name in ROOMS:
        content = bytes_of.get(name.removesuffix(".jpg").replace("-", "_"), name)
        reading = Reading(sha256=content, file_bytes=1, format="JPEG", width=1280, height=800)
        photos.append(Photo(name=name, reading=reading, working=f"working of {content}", preview="p"))
    return UploadedPhotos(photos=tuple(photos), listing=str(sorted(bytes_of.items())), source="/photos")


LOOK = Look(sharpness=0.6, p50=120, p95=220, blown=0.0, dhash="0" * 64)
ANALYSIS = PhotoAnalysis(
    verdicts=tuple(
        Verdict(name=name, room=room, room_confidence=0.9, room_source="file name", visit=0, look=LOOK, quality=0.8)
        for name, room in ROOMS.items()
    )
)


def ordered(
    edits: Edits | None = None,
    photos: UploadedPhotos | None = None,
    analysis: PhotoAnalysis = ANALYSIS,
    **brief: Any,
) -> Orders:
    """A whole run: brief and edits to orders."""
    written, standing = Brief.model_validate(brief), edits or Edits()
    storyboard = load_storyboard(storyboard_wanted(written, standing))
    wishes = resolve("oak-street", written, standing, storyboard, MOVES)
    pairs = choose_pairs(wishes.storyboard, analysis, edits=standing, seed=wishes.seed)
    return plan(wishes, pairs, photos or uploaded(), analysis, MOVES)


def changed(before: Orders, after: Orders) -> set[str]:
    """Pieces that would be made again."""
    pieces = [{order.scene: order.fingerprint for order in orders.scenes} for orders in (before, after)]
    pieces[0]["audio_track"], pieces[1]["audio_track"] = before.track.fingerprint, after.track.fingerprint
    return {piece for piece in pieces[0] if pieces[0][piece] != pieces[1][piece]}


def edit(**scenes: SceneEdit) -> Edits:
    return Edits(scenes=scenes)


def photos_of(orders: Orders, scene: str) -> tuple[str, str]:
    order = orders.scene(scene)
    return (order.first.name if order.first else "", order.last.name if order.last else "")


# --- what is ordered


def test_scenes_without_photos_order_nothing_and_the_track_is_for_the_others():
    orders = ordered()
    assert [order.scene for order in scene_orders_in_film(orders)] == ["scene_1", "scene_2", "scene_6"]
    assert [passage.title for passage in orders.track.passages] == [
        "The hook",
        "Hero bedroom",
        "Dining and lifestyle",
    ]
    assert all(order.left_out and not order.fingerprint for order in orders.scenes if order.shot is None)


def test_a_scene_that_the_storyboard_does_not_have_is_left_out_and_says_so():
    orders = ordered()
    shorter = orders.model_copy(update={"scenes": orders.scenes[:5]})
    assert shorter.scene("scene_7").left_out == "The storyboard luxury_property has no scene_7."


def test_outdoors_the_sky_gives_way_and_indoors_the_ceiling():
    orders = ordered()
    assert orders.scene("scene_1").shot.anchor_y < orders.scene("scene_2").shot.anchor_y


def test_a_scene_knows_what_its_photos_are_of_and_how_they_join():
    look = LOOK.model_copy(update={"focus_x": 0.3, "roll": 1.5})
    verdicts = [
        verdict.model_copy(update={"look": look, "evening": True}) if verdict.name == "bedroom-2.jpg" else verdict
        for verdict in ANALYSIS.verdicts
    ]
    match = Match(first="bedroom-1.jpg", last="bedroom-2.jpg", matches=300, inliers=250, coverage=0.6, one_move=True)
    analysis = ANALYSIS.model_copy(update={"verdicts": tuple(verdicts), "matches": (match,)})
    level = analysis.model_copy(update={"verdicts": ANALYSIS.verdicts})
    assert ordered(analysis=level).scene("scene_2").shot.join.kind == "aligned"
    shot = ordered(analysis=analysis).scene("scene_2").shot
    assert (shot.last.focus_x, shot.last.roll, shot.last.dusk) == (0.3, 1.5, True)
    assert shot.first.roll == 0


def test_a_pair_that_a_person_turned_round_joins_the_other_way_round():
    match = Match(
        first="bedroom-1.jpg", last="bedroom-2.jpg", matches=300, inliers=250, coverage=0.6, one_move=True, x=0.05
    )
    analysis = ANALYSIS.model_copy(update={"matches": (match,)})
    turned = edit(scene_2=SceneEdit(first="bedroom-2.jpg", last="bedroom-1.jpg"))
    plain, other = ordered(analysis=analysis), ordered(turned, analysis=analysis)
    assert plain.scene("scene_2").shot.join.x == pytest.approx(0.05)
    assert other.scene("scene_2").shot.join.x == pytest.approx(-0.05)
    assert match.backwards().backwards().x == pytest.approx(match.x)


# --- changes stay local


@pytest.mark.parametrize(
    ("wanted", "again"),
    [
        ({"edits": edit(scene_2=SceneEdit(seed=9))}, {"scene_2"}),
        ({"edits": edit(scene_2=SceneEdit(move="sweep"))}, {"scene_2"}),
        ({"edits": edit(scene_2=SceneEdit(seconds=6))}, {"scene_2", "audio_track"}),
        ({"edits": edit(scene_2=SceneEdit(first="odd.jpg"))}, {"scene_2"}),
        ({"photos": uploaded(dining="other")}, {"scene_6"}),
        ({"photos": uploaded(bedroom_2="other")}, {"scene_2"}),
        ({"photos": uploaded(odd="other")}, set()),
        ({"edits": Edits(mood="calm")}, {"audio_track"}),
        ({"music": {"seed": 4}}, {"audio_track"}),
        ({"edits": Edits(seed=4)}, {"scene_1", "scene_2", "scene_6", "audio_track"}),
        ({"edits": Edits(seed=4), "music": {"seed": 0}}, {"scene_1", "scene_2", "scene_6"}),
        ({"scenes": {2: {"seconds": 6}}}, {"scene_2", "audio_track"}),
        ({"client": "Sea & Sons", "property": {"name": "Oak"}, "brand": {"agent": "Marta"}}, set()),
    ],
)
def test_a_change_remakes_what_depends_on_it_and_nothing_else(wanted, again):
    assert changed(ordered(), ordered(**wanted)) == again


def test_scenes_of_one_film_move_in_their_own_ways():
    seeds = [order.shot.seed for order in scene_orders_in_film(ordered())]
    assert len(set(seeds)) == len(seeds)


def test_the_request_follows_uploads_and_edits():
    base = request_fingerprint("listing", Edits())
    assert base == request_fingerprint("listing", Edits())
    assert base != request_fingerprint("other", Edits())
    assert base != request_fingerprint("listing", Edits(seed=1))


# --- a scene made alone


def test_nothing_edited_since_leaves_the_orders_as_they_were():
    orders = ordered()
    assert replan(orders, Edits(), MOVES) is orders


@pytest.mark.parametrize(
    "edits",
    [
        edit(scene_2=SceneEdit(seed=9, move="sweep")),
        edit(scene_2=SceneEdit(first="bedroom-2.jpg")),
        edit(scene_2=SceneEdit(last="bedroom-1.jpg")),
        edit(scene_2=SceneEdit(first="odd.jpg", last="bedroom-2.jpg")),
        edit(scene_3=SceneEdit(first="odd")),
        edit(scene_3=SceneEdit(last="odd")),
        edit(scene_3=SceneEdit(first="odd"), scene_6=SceneEdit(seed=4)),
    ],
    ids=str,
)
def test_a_scene_made_alone_is_the_one_that_a_whole_run_makes(edits):
    whole = ordered(edits)
    alone = replan(ordered(), edits, MOVES)
    assert changed(whole, alone) == set()
    assert alone.wishes == whole.wishes


def test_what_changes_the_whole_shot_list_waits_for_a_whole_run():
    orders = ordered()
    assert replan(orders, Edits(seed=5, mood="calm", storyboard="luxury_lodging"), MOVES) is orders


def test_photos_that_a_person_took_back_wait_for_a_whole_run_and_the_request_stays_open():
    chosen = ordered(edit(scene_1=SceneEdit(first="odd.jpg", seed=3)))
    alone = replan(chosen, Edits(), MOVES)
    assert photos_of(alone, "scene_1")[0] == "odd.jpg"
    assert alone.scene("scene_1").shot.seed == ordered().scene("scene_1").shot.seed
    answered = request_fingerprint(alone.listing, alone.wishes.edits)
    assert answered != request_fingerprint(alone.listing, Edits())


def test_a_scene_brought_in_by_an_edit_is_in_the_track():
    before, after = ordered(), replan(ordered(), edit(scene_3=SceneEdit(first="odd.jpg")), MOVES)
    assert changed(before, after) == {"scene_3", "audio_track"}
    assert len(after.track.passages) == len(before.track.passages) + 1
    assert after.scene("scene_3").reasons == ("odd.jpg was chosen by hand.",)


@pytest.mark.parametrize(
    ("standing", "word"),
    [
        (SceneEdit(first="nothing.jpg"), "no usable photo 'nothing.jpg'"),
        (SceneEdit(first="odd.jpg", last="odd.jpg"), "both first and last"),
    ],
)
def test_photos_that_cannot_be_are_told(standing, word):
    with pytest.raises(BadBrief, match=word):
        replan(ordered(), edit(scene_2=standing), MOVES)


# --- what the film says of itself


def test_tags_are_facts_of_the_property_and_never_the_brand():
    brief = parse_brief(
        {
            "client": "Costa Lenta",
            "property": {"name": "Villa", "bedrooms": 3, "bathrooms": 2.5, "price": {"amount": 5e5, "currency": "EUR"}},
            "brand": {"agent": "Marta", "phone": "555", "website": "a.example"},
        },
        "campaign.yaml",
    )
    assert film_tags(brief, "oak") == {"title": "Villa", "comment": "3 bedrooms · 2.5 bathrooms · 500,000 EUR"}
    assert film_tags(Brief(), "oak") == {"title": "oak", "comment": ""}


# --- wishes for photos that cannot be used


def test_wishes_for_a_rejected_file_come_to_nothing_and_those_for_a_copy_mean_the_photo():
    found = uploaded().model_copy(
        update={
            "rejected": (
                Rejection(file="torn.jpg", reason="is damaged.", remedy="Upload it again."),
                Rejection(file="copy.jpg", reason="is the same file.", remedy="", same_as="odd.jpg"),
            )
        }
    )
    wishes = PhotoWishes(
        use=("torn", "pool"),
        never=("copy", "torn.jpg", "misspelt"),
        rooms={"TORN.JPG": "tub", "copy.jpg": "view", "dining": "kitchen"},
    )
    assert photo_wishes(wishes, found) == PhotoWishes(
        use=("pool",), never=("odd.jpg", "misspelt"), rooms={"odd.jpg": "view", "dining": "kitchen"}
    )
