"""Every kind of trouble that a hosted service makes ends in a delivered film that says who made it, and why."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from chaos_kit import FIRST, SECOND, TRACK, makers, no_waiting, reasons, shop_in
from fakes import Shelf
from hosted_kit import KLING, PRICES, STABLE, VEO, Shop
from studio_kit import Studio

VEO_SLUG, KLING_SLUG, STABLE_SLUG = (name.removeprefix("replicate:") for name in (VEO, KLING, STABLE))

BOUGHT = {FIRST: VEO, SECOND: VEO, TRACK: STABLE}
EMBEDDED = dict.fromkeys(BOUGHT, "embedded")
SECOND_CHOICE = {FIRST: KLING, SECOND: KLING}

AT_ONCE = httpx.Timeout(0.4)
"""In place of the half minute that a silent service is given."""

MODERATED = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
BUSY = "Service is currently unavailable due to high demand. Please try again (E003)"
UNREADABLE = "The input was invalid. Please check your input and try again. (E006)"
PREEMPTED = "Prediction interrupted; please retry (code: PA)"
PLATFORM = "Director: unexpected error handling prediction (E9828)"

Turn = Callable[[Shop], None]


def knob(kind: str, route: str, value: Any = None, **how: Any) -> Turn:
    """Turn one knob."""
    return lambda shop: (shop.service.knob(kind, route=route, value=value, **how), None)[1]


def both(*turns: Turn) -> Turn:
    def turn(shop: Shop) -> None:
        for each in turns:
            each(shop)

    return turn


def while_waiting(act: Callable[[Shop], None]) -> Turn:
    """Do something to the service whenever the film waits."""

    def turn(shop: Shop) -> None:
        def wait(seconds: float) -> None:
            shop.wait(seconds)
            act(shop)

        shop.studio.replacements["means"] = replace(shop.means(), sleep=wait)

    return turn


def expire_output(shop: Shop) -> None:
    """Remove the data of the first clip that is done."""
    shop.service.settle_all()
    for prediction in shop.service.created(VEO_SLUG)[:1]:
        if prediction.status == "succeeded" and not prediction.fetched:
            shop.service.expire(prediction.id)


def expire_first_files(shop: Shop) -> None:
    """Let the files of the first prediction expire while it is in the queue."""
    for prediction in shop.service.created(VEO_SLUG)[:1]:
        for address in map(str, prediction.input.values()):
            if (file := shop.service.files.get(address.rsplit("/", 1)[-1])) is not None:
                file.expired = True


@dataclass(frozen=True)
class Case:
    """One knob.

    Attributes:
        turn: makes the trouble.
        made: who makes what in spite of it, where it is not the first choice.
        says: what the pieces say about it.
        paid_for_nothing: USD that were paid for what the film has no use for.
        tries: attempts, where they are not one for each rung that was asked.
        leaves: files at the service whose deletion is left to the service, because nobody could know them.
        unfetched: outputs that were paid for and cannot be had.
        noted: what the service notes about the client, once for each clip.
        quick: replaced limits, by dotted name, so that nobody waits for real.
        either: whether the trouble meets whichever of the two clips is done first; the rest is said of the first one.
    """

    turn: Turn
    made: dict[str, str] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    paid_for_nothing: float = 0.0
    tries: dict[str, int] = field(default_factory=dict)
    leaves: bool = False
    unfetched: int = 0
    noted: str = ""
    quick: dict[str, Any] = field(default_factory=dict)
    either: bool = False

    def turned_round(self) -> "Case":
        """The same with the trouble at the other clip."""
        other = {FIRST: SECOND, SECOND: FIRST, TRACK: TRACK}

        def turned(pieces: dict[str, Any]) -> dict[str, Any]:
            return {other[piece]: value for piece, value in pieces.items()}

        return replace(self, made=turned(self.made), says=turned(self.says), tries=turned(self.tries))


WIRE = "property_video.providers.replicate.wire"
FETCH = "property_video.providers.replicate.fetch"

TRANSIENT: dict[str, Case] = {
    "a create fails with 500": Case(knob("status", "create", 500, nth=1)),
    "a create fails with 503": Case(knob("status", "create", 503, nth=2)),
    "a create fails with 504": Case(knob("status", "create", 504, nth=3)),
    "a create is answered with a page and 502": Case(knob("502_html", "create", nth=1)),
    "creates of a model always fail with 500": Case(
        knob("status", "create", 500, model=VEO_SLUG),
        SECOND_CHOICE,
        {FIRST: "could not be placed in time"},
        tries={FIRST: 2, SECOND: 2},
    ),
    "a create is committed and never answered": Case(knob("drop_after_commit", "create", nth=1)),
    "no create is ever answered": Case(knob("drop_after_commit", "create")),
    "a create is dropped before it is committed": Case(knob("drop_before_commit", "create", nth=1)),
    "a create is answered with a page and 201": Case(knob("201_html", "create", nth=1)),
    "a create is answered with a null version and no stream": Case(
        both(knob("urls_stream_null", "create"), knob("version_null", "create"))
    ),
    "an error is a list": Case(
        knob("error_as_list", "create", 400, nth=1), {FIRST: KLING}, {FIRST: "Something is wrong"}, tries={FIRST: 2}
    ),
    "a create hangs before its headers": Case(knob("hang", "create", 1.0, nth=1), quick={f"{WIRE}.TIMEOUT": AT_ONCE}),
    "a create's answer trickles": Case(knob("slow_body", "create", 400, nth=1), quick={f"{WIRE}.ANSWER_S": 0.3}),
    "an answer is lost and the list lags behind": Case(
        both(knob("drop_after_commit", "create", nth=1), lambda shop: setattr(shop.service, "list_lag_s", 20.0))
    ),
    "an answer is lost and the list fails": Case(
        both(knob("drop_after_commit", "create", nth=1), knob("status", "list", 500, nth=(1, 2, 3, 4)))
    ),
    "creates are throttled without a time": Case(knob("throttle", "create", None, nth=(1, 2))),
    "creates are throttled for seconds": Case(knob("throttle", "create", 7, nth=(1, 2))),
    "creates are throttled until a date": Case(knob("throttle", "create", "Sat, 21 Nov 2026 18:00:00 GMT", nth=(1, 2))),
    "creates are throttled for an hour": Case(
        knob("throttle", "create", 3600, nth=1), EMBEDDED, {FIRST: "could not be placed in time"}
    ),
    "the account has little credit and is held to one create in ten seconds": Case(
        lambda shop: setattr(shop.service.account, "low_credit", True)
    ),
    "uploads fail": Case(both(knob("status", "upload", 500, nth=1), knob("drop_before_commit", "upload", nth=3))),
    "an upload's answer is lost": Case(knob("drop_after_commit", "upload", nth=1), leaves=True),
    "files cannot be deleted": Case(knob("status", "delete", 500), leaves=True),
    "polls fail": Case(both(knob("status", "get", 500, nth=(1, 2, 3)), knob("502_html", "get", nth=(4, 5, 6, 7)))),
    "polls are dropped": Case(knob("drop_before_commit", "get", nth=(2, 3, 4, 5))),
    "polls are throttled": Case(knob("throttle", "get", 30, nth=(1, 2))),
    "polls are answered in odd shapes": Case(
        both(knob("version_null", "get"), knob("urls_stream_null", "get"), knob("error_object", "get", nth=(1, 2)))
    ),
    "polls hang": Case(knob("hang", "get", 1.0, nth=(1, 2)), quick={f"{WIRE}.QUESTION_TIMEOUT": AT_ONCE}),
}

PRODUCTION: dict[str, Case] = {
    "a model is overloaded once": Case(knob("fail", "run", BUSY, model=VEO_SLUG, nth=1), tries={FIRST: 2}),
    "a prediction is preempted": Case(knob("fail", "run", PREEMPTED, model=VEO_SLUG, nth=2), tries={SECOND: 2}),
    "the platform fails": Case(knob("fail", "run", PLATFORM, model=STABLE_SLUG, nth=(1, 2)), tries={TRACK: 3}),
    "a model stays overloaded": Case(
        knob("fail", "run", BUSY, model=VEO_SLUG), SECOND_CHOICE, {FIRST: "E003"}, tries={FIRST: 4, SECOND: 4}
    ),
    "an input cannot be read once": Case(knob("fail", "run", UNREADABLE, model=VEO_SLUG, nth=1), tries={FIRST: 2}),
    "an input can never be read": Case(
        knob("fail", "run", UNREADABLE, model=VEO_SLUG), SECOND_CHOICE, {FIRST: "E006"}, tries={FIRST: 3, SECOND: 3}
    ),
    "a clip is moderated": Case(knob("fail", "run", MODERATED, model=VEO_SLUG, nth=1), {FIRST: KLING}, {FIRST: "E005"}),
    "a model fails in its own words": Case(
        knob("fail", "run", "list index out of range", model=STABLE_SLUG), {TRACK: "embedded"}, {TRACK: "out of range"}
    ),
    "a prediction never starts": Case(
        knob("hang_in_state", "run", "starting", model=VEO_SLUG, nth=1), {FIRST: KLING}, {FIRST: "deadline"}
    ),
    "a prediction never ends": Case(
        knob("hang_in_state", "run", "processing", model=VEO_SLUG, nth=1),
        {FIRST: KLING},
        {FIRST: "deadline"},
        PRICES[VEO],
    ),
    "a prediction never ends and the service does not stop it": Case(
        both(knob("hang_in_state", "run", "processing", model=VEO_SLUG, nth=1), knob("no_deadline", "run")),
        {FIRST: KLING},
        {FIRST: "deadline"},
        PRICES[VEO],
    ),
    "a track never ends": Case(
        knob("hang_in_state", "run", "processing", model=STABLE_SLUG),
        {TRACK: "embedded"},
        {TRACK: "deadline"},
        PRICES[STABLE],
    ),
    "a prediction is aborted": Case(knob("aborted", "run", True, model=VEO_SLUG, nth=2), {SECOND: KLING}),
    "an output is null": Case(
        knob("output", "run", None, model=VEO_SLUG, nth=1),
        {FIRST: KLING},
        {FIRST: "without an output"},
        PRICES[VEO],
        unfetched=1,
    ),
    "an output is an empty list": Case(
        knob("output", "run", [], model=STABLE_SLUG),
        {TRACK: "embedded"},
        {TRACK: "without an output"},
        PRICES[STABLE],
        unfetched=1,
    ),
    "a clip is garbage": Case(
        knob("clip", "run", "garbage", model=VEO_SLUG, nth=1),
        {FIRST: KLING},
        {FIRST: "fetched twice, the same"},
        PRICES[VEO],
    ),
    "a clip is frozen": Case(
        knob("clip", "run", "frozen", model=VEO_SLUG, nth=1), {FIRST: KLING}, {FIRST: "stands still"}, PRICES[VEO]
    ),
    "a clip is black": Case(
        knob("clip", "run", "black", model=VEO_SLUG), SECOND_CHOICE, {SECOND: "black"}, 2 * PRICES[VEO]
    ),
    "the token is not valid": Case(
        knob("status", "create", (401, "You did not pass a valid authentication token")), EMBEDDED, {FIRST: "401"}
    ),
    "the account may not do this": Case(knob("status", "create", (403, "Forbidden")), EMBEDDED, {TRACK: "403"}),
    "credit ends after the first clip": Case(
        lambda shop: setattr(shop.service.account, "credit_usd", 0.0), EMBEDDED, {FIRST: "402", TRACK: "402"}
    ),
    "a model is unknown": Case(
        knob("status", "create", (404, "Not found"), model=VEO_SLUG), SECOND_CHOICE, {FIRST: "404"}
    ),
    "an input is refused": Case(
        knob("status", "create", (422, "- input.seed: Invalid type."), model=VEO_SLUG, nth=1),
        {FIRST: KLING},
        {FIRST: "422"},
    ),
    "a model lost an input": Case(
        lambda shop: shop.service.drift.update({VEO_SLUG: [("remove", "negative_prompt", None)]}),
        SECOND_CHOICE,
        {FIRST: "negative_prompt"},
        noted=f"{VEO_SLUG} has no input negative_prompt",
    ),
    "a model got a new input": Case(
        lambda shop: shop.service.drift.update({VEO_SLUG: [("add", "style", {"type": "string"})]})
    ),
    "a model wants a new input": Case(
        lambda shop: shop.service.drift.update({VEO_SLUG: [("require", "style", {"type": "string"})]}),
        SECOND_CHOICE,
        {FIRST: "style is required"},
    ),
    "a model's default has changed": Case(
        lambda shop: shop.service.drift.update({VEO_SLUG: [("default", "generate_audio", True)]})
    ),
    "files expire in the queue": Case(while_waiting(expire_first_files), tries={FIRST: 2}),
}

DELIVERY: dict[str, Case] = {
    "a download is truncated": Case(knob("truncate", "download", "with", nth=(1, 2))),
    "a download is truncated and nobody says how long it is": Case(knob("truncate", "download", "without", nth=(1, 3))),
    "downloads always break off and cannot be gone on with": Case(
        both(
            knob("truncate", "download", "with", model=VEO_SLUG),
            knob("no_ranges", "download", True, model=VEO_SLUG),
        ),
        {FIRST: "embedded", SECOND: "embedded"},
        {FIRST: "could not be fetched while it existed"},
        2 * PRICES[VEO],
        unfetched=2,
    ),
    "a download is refused for a while": Case(
        both(knob("status", "download", 403, nth=(1, 2)), knob("status", "download", 404, nth=(3, 4)))
    ),
    "a download fails for a while": Case(
        both(knob("status", "download", 500, nth=1), knob("status", "download", 503, nth=2))
    ),
    "an output is gone": Case(
        knob("status", "download", 410, model=VEO_SLUG, nth=1),
        {FIRST: KLING},
        {FIRST: "gone"},
        PRICES[VEO],
        either=True,
        unfetched=1,
    ),
    "an output expires before it is fetched": Case(
        while_waiting(expire_output), {FIRST: KLING}, {FIRST: "removed before"}, PRICES[VEO], unfetched=1
    ),
    "a download is a page": Case(knob("html", "download", None, nth=(1, 2))),
    "a download is a page that says it is a video": Case(knob("html", "download", "video/mp4", nth=(1, 2))),
    "a download has no type worth the name": Case(knob("content_type", "download", "application/octet-stream")),
    "a download has the type of a text": Case(knob("content_type", "download", "text/plain", nth=1)),
    "a download is redirected": Case(knob("redirect", "download", "ok", nth=1)),
    "a download is redirected in a circle": Case(knob("redirect", "download", "loop", nth=tuple(range(1, 6)))),
    "a download is redirected to a stranger": Case(
        knob("redirect", "download", "evil", model=VEO_SLUG, nth=1),
        {FIRST: KLING},
        {FIRST: "198.51.100.7"},
        PRICES[VEO],
        either=True,
        unfetched=1,
    ),
    "a download hangs": Case(knob("hang", "download", 1.0, nth=1), quick={f"{FETCH}.TIMEOUT": AT_ONCE}),
    "a download trickles": Case(knob("slow_body", "download", 60_000, nth=1), quick={f"{FETCH}.FETCH_S": 0.3}),
}

CASES = TRANSIENT | PRODUCTION | DELIVERY

REPRESENTATIVE = {"no create is ever answered", "a clip is frozen"}
"""Those that run every time; the others are in the slow tier."""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What emulated models make, and what it is conformed to, made once."""
    folder = tmp_path_factory.mktemp("outputs")
    with no_waiting(folder / "conformed"):
        yield folder


@pytest.fixture
def shop(tmp_path: Path, finished: Studio, shelf: Shelf, outputs: Path) -> Iterator[Shop]:
    with shop_in(tmp_path, finished, shelf, outputs) as shop:
        yield shop


def cases() -> list[Any]:
    slow = pytest.mark.slow
    return [pytest.param(name, marks=() if name in REPRESENTATIVE else slow, id=name) for name in CASES]


@pytest.mark.parametrize("name", cases())
def test_the_film_is_delivered_and_the_ledger_is_the_bill_when(name: str, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    case = CASES[name]
    for limit, value in case.quick.items():
        monkeypatch.setattr(limit, value)
    case.turn(shop)

    film = shop.studio.made()

    if case.either and makers(film)[SECOND] != BOUGHT[SECOND]:
        case = case.turned_round()
    made = {**BOUGHT, **case.made}
    assert makers(film) == made
    for piece, words in case.says.items():
        assert words in reasons(film, piece), reasons(film, piece)
    for piece, maker in made.items():
        assert bool(reasons(film, piece)) == (maker != BOUGHT[piece]), reasons(film, piece)
    used = sum(PRICES[maker] for maker in made.values() if maker != "embedded")
    assert shop.spent() == pytest.approx(used + case.paid_for_nothing)
    assert film.cost_usd == pytest.approx(shop.spent())
    attempts = {clip.scene: clip.attempts for clip in film.scenes} | {TRACK: film.track.attempts}
    assert {piece: attempts[piece] for piece in case.tries} == case.tries
    shop.balanced(left_files=case.leaves, unfetched=case.unfetched, noted=(case.noted,) * 2 if case.noted else ())


def test_trouble_of_many_kinds_at_once_ends_in_a_film(shop: Shop):
    storm(shop, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_trouble_of_many_kinds_at_once_ends_in_a_film_whatever_the_dice_say(shop: Shop, seed: int):
    storm(shop, seed)


def storm(shop: Shop, seed: int) -> None:
    """A fifth of everything goes wrong."""
    for number, (kind, route, value) in enumerate(
        (
            ("status", "create", 503),
            ("drop_after_commit", "create", None),
            ("drop_before_commit", "create", None),
            ("throttle", "create", 3),
            ("201_html", "create", None),
            ("status", "get", 502),
            ("drop_before_commit", "get", None),
            ("status", "list", 500),
            ("status", "upload", 500),
            ("fail", "run", BUSY),
            ("fail", "run", MODERATED),
            ("hang_in_state", "run", "processing"),
            ("truncate", "download", "with"),
            ("status", "download", 404),
        )
    ):
        shop.service.knob(kind, route=route, value=value, probability=0.2, seed=100 * seed + number)
    film = shop.studio.made()
    for piece, maker in makers(film).items():
        assert maker == BOUGHT[piece] or reasons(film, piece), piece
    assert film.cost_usd == pytest.approx(shop.spent())
    shop.balanced()


@pytest.mark.slow
def test_a_price_that_changed_is_not_seen_and_the_ledger_has_the_one_that_was_allowed(shop: Shop):
    """The service tells no prices: the registry's is what is estimated, allowed and booked."""
    shop.service.price_factor[VEO_SLUG] = 2.0
    assert makers(shop.studio.made()) == BOUGHT
    assert shop.spent() == pytest.approx(2 * PRICES[VEO] + PRICES[STABLE])
    assert shop.service.spent_usd() == pytest.approx(shop.spent() + 2 * PRICES[VEO])


@pytest.mark.slow
def test_a_clip_that_shows_another_room_goes_to_the_next_rung(shop: Shop):
    shop.service.knob("clip", route="run", value="other", model=VEO_SLUG, nth=1)
    film = shop.studio.made()
    assert makers(film) == BOUGHT | {FIRST: KLING}
    assert "shows what the first photo shows" in reasons(film, FIRST)
    shop.balanced()
