"""From a scene, or a film's track, to what hosted models are asked for: rungs with exact inputs, lengths and prices.

A model that cannot make a piece, or whose price nobody knows, is passed over and says why.

Not here: what is found already (orders/place.py), what is done with a rung (ladder.py).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from property_video.core.choice import ChoiceRequest
from property_video.core.choice import estimate as estimate_choice
from property_video.core.fingerprints import fingerprint
from property_video.core.ladder import HostedOrder, Rung
from property_video.core.ladders import hosted, vendor_and_model
from property_video.core.ledger import Medium
from property_video.core.models import (
    MusicModel,
    Purchase,
    Registry,
    VideoModel,
    clip_input,
    frame_size,
    music_input,
    music_price,
    music_usable,
    purchase,
    usable,
)
from property_video.core.money import Micros, micros
from property_video.core.music_chain import Link, link_input, plan_chain
from property_video.core.photo import Room
from property_video.core.prompts import NEGATIVE_MUSIC, link_prompt, track_prompt, video_prompt
from property_video.core.records import Record
from property_video.core.storyboard import Scene

ANY_SEED: Final = 1
"""Stands for a seed where inputs are drafted; the one that is sent is the intent's own (`Rung.seed_key`)."""

FIRST, LAST, CONTEXT = "first", "last", "context"
"""What the files of a rung show; `Rung.files` has the models' own names for them."""


class Terms(Record):
    """What holds for everything a campaign buys."""

    guidelines: str = ""
    allow_non_commercial: bool = False
    clip_deadline_s: float = 1200.0
    music_deadline_s: float = 900.0
    choice_deadline_s: float = 180.0


class Market(Record):
    """What there is to buy, and on what terms; nothing, unless told otherwise."""

    registry: Registry = Registry(video={}, music={}, choice={})
    terms: Terms = Terms()


class Bill(Record):
    """What one piece is asked for of hosted models: its orders, in the order of a chain, and who was passed over.

    `estimate` is what it costs when the first rung delivers at once; `links` are the parts of a chain of music.
    """

    orders: tuple[HostedOrder, ...] = ()
    passed_over: tuple[str, ...] = ()
    estimate: Micros = 0
    links: tuple[Link, ...] = ()


class Sight(Record):
    """What is known of a scene's photos."""

    first: Room
    last: Room | None
    evening: bool


def bill_clip(
    campaign: str,
    label: str,
    key: str,
    names: Sequence[str],
    registry: Registry,
    scene: Scene,
    sight: Sight,
    frames: int,
    fps: int,
    terms: Terms,
) -> Bill:
    """What a scene's clip is asked for.

    Args:
        campaign: whose.
        label: the scene's key.
        key: the clip's output fingerprint: equal ones are bought once.
        names: the ladder.
        registry: the models there are.
        scene: its words.
        sight: what its photos show.
        frames: of the scene.
        fps: of the film.
        terms: the campaign's.
    """
    rungs, passed = [], []
    for name in hosted(names):
        vendor, slug = vendor_and_model(name)
        model = registry.video[slug]
        why_not = usable(model, frames / fps, 2 if sight.last else 1, allow_non_commercial=terms.allow_non_commercial)
        if why_not is not None:
            passed.append(why_not)
            continue
        rungs.append(_clip_rung(name, vendor, model, purchase(model, frames), scene, sight, terms))
    return _single(campaign, label, key, rungs, passed, terms.clip_deadline_s)


def _clip_rung(
    name: str, vendor: str, model: VideoModel, bought: Purchase, scene: Scene, sight: Sight, terms: Terms
) -> Rung:
    takes_last = model.inputs.last is not None
    prompt = video_prompt(
        scene, sight.first, sight.last, evening=sight.evening, guidelines=terms.guidelines, takes_last=takes_last
    )
    inputs = clip_input(model, bought, prompt, scene.negative_prompt, FIRST, LAST if takes_last else None, ANY_SEED)
    files = tuple(key for key in (model.inputs.first, model.inputs.last) if key in inputs)
    return _rung(name, vendor, model, inputs, files, bought.usd, "video", terms.clip_deadline_s)


def clip_frame_size(rung: Rung, registry: Registry, frames: int) -> tuple[int, int]:
    """Pixels of the two pictures that a clip's rung sends."""
    return frame_size(purchase(registry.video[vendor_and_model(rung.name)[1]], frames))


def file_shows(rung: Rung, registry: Registry, key: str) -> str:
    """Which picture an input of a clip's rung takes: `FIRST` or `LAST`."""
    return FIRST if key == registry.video[vendor_and_model(rung.name)[1]].inputs.first else LAST


def bill_track(
    campaign: str,
    label: str,
    key: str,
    names: Sequence[str],
    registry: Registry,
    scenes: Sequence[tuple[Scene, float]],
    mood: str,
    tempo: float,
    terms: Terms,
) -> Bill:
    """What a film's track is asked for.

    A model that goes on from a recording makes it scene by scene, a link of a chain each. Such a chain is the whole
    ladder: it cannot be taken over in the middle by a model that sounds different.

    Args:
        campaign: whose.
        label: the track's key.
        key: the track's output fingerprint.
        names: the ladder.
        registry: the models there are.
        scenes: those in the film, with their seconds.
        mood: of the music.
        tempo: beats a minute.
        terms: the campaign's.
    """
    seconds = sum(each for _, each in scenes)
    rungs: list[Rung] = []
    passed: list[str] = []
    for name in hosted(names):
        vendor, slug = vendor_and_model(name)
        model = registry.music[slug]
        why_not = music_usable(model, seconds, allow_non_commercial=terms.allow_non_commercial)
        if why_not is not None:
            passed.append(why_not)
        elif model.continues and not rungs:
            return _chain(campaign, label, key, name, vendor, model, scenes, mood, tempo, terms, passed)
        elif model.continues:
            passed.append(f"{slug} makes a track scene by scene and must stand first in a ladder.")
        else:
            words = track_prompt(scenes, mood, tempo)
            inputs = music_input(model, words, NEGATIVE_MUSIC, seconds, ANY_SEED)
            usd = music_price(model, seconds)
            rungs.append(_rung(name, vendor, model, inputs, (), usd, "audio", terms.music_deadline_s))
    return _single(campaign, label, key, rungs, passed, terms.music_deadline_s)


def _chain(
    campaign: str,
    label: str,
    key: str,
    name: str,
    vendor: str,
    model: MusicModel,
    scenes: Sequence[tuple[Scene, float]],
    mood: str,
    tempo: float,
    terms: Terms,
    passed: Sequence[str],
) -> Bill:
    links = plan_chain([(link_prompt(scene, mood, tempo), seconds) for scene, seconds in scenes])
    orders: list[HostedOrder] = []
    for link in links:
        context = CONTEXT if link.context_s else None
        inputs = link_input(model, link, context, ANY_SEED)
        files = tuple(each for each in (model.inputs.context,) if each is not None and each in inputs)
        usd = music_price(model, link.length_s)
        rung = _rung(name, vendor, model, inputs, files, usd, "audio", terms.music_deadline_s)
        orders.append(
            HostedOrder(
                id=f"{label}-{key}-{link.number}",
                campaign=campaign,
                label=f"{label} {link.number}/{len(links)}",
                rungs=(rung,),
                after=orders[-1].id if orders else "",
                patience_s=terms.music_deadline_s,
            )
        )
    return Bill(
        orders=tuple(orders),
        passed_over=tuple(passed),
        estimate=sum(order.rungs[0].price for order in orders),
        links=links,
    )


def _rung(
    name: str,
    vendor: str,
    model: VideoModel | MusicModel,
    inputs: Mapping[str, object],
    files: tuple[str, ...],
    usd: float,
    expect: Medium,
    deadline_s: float,
) -> Rung:
    return Rung(
        name=name,
        provider=vendor,
        model=model.slug,
        version=model.version,
        inputs={key: value for key, value in inputs.items() if key not in (*files, model.inputs.seed)},
        files=files,
        seed_key=model.inputs.seed or "",
        expect=expect,
        price=micros(usd),
        bills_time=model.time_billed,
        deadline_s=deadline_s,
    )


def bill_choice(
    campaign: str, requests: Mapping[str, ChoiceRequest], registry: Registry, terms: Terms
) -> tuple[Bill, dict[str, ChoiceRequest]]:
    """What a choice is asked for, and its requests by rung.

    A rung's price is the most that its answer can cost; what it has cost is told by the answer.

    Args:
        campaign: whose.
        requests: what each model of the ladder is asked, by its hosted name, first choice first.
        registry: what models cost.
        terms: the campaign's.
    """
    rungs, passed = [], []
    for name, request in requests.items():
        model = registry.choice.get(name)
        price = estimate_choice(request, model) if model is not None else None
        if price is None:
            passed.append(f"{name}: Nobody knows its price.")
            continue
        rungs.append(
            Rung(
                name=name,
                provider=request.vendor,
                model=request.model,
                inputs=request.model_dump(mode="json", exclude={"vendor", "answer_schema"}),
                price=price,
                deadline_s=terms.choice_deadline_s,
            )
        )
    if not rungs:
        return Bill(passed_over=tuple(passed)), {}
    stage = next(iter(requests.values())).stage
    key = fingerprint("choice", ladder=[[rung.name, requests[rung.name].fingerprint] for rung in rungs])
    bill = _single(campaign, f"choice_of_{stage}", key, rungs, passed, terms.choice_deadline_s)
    return bill, {rung.name: requests[rung.name] for rung in rungs}


def _single(
    campaign: str, label: str, key: str, rungs: Sequence[Rung], passed: Sequence[str], patience_s: float
) -> Bill:
    if not rungs:
        return Bill(passed_over=tuple(passed))
    order = HostedOrder(
        id=f"{label}-{key}", campaign=campaign, label=label, rungs=tuple(rungs), patience_s=patience_s * len(rungs)
    )
    return Bill(orders=(order,), passed_over=tuple(passed), estimate=rungs[0].price)
