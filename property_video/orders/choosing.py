"""Choosing by vision models: what the photos show, then which of them fill which scene.

Each is one paid call through the wallet, kept by what was asked. Where no model is named, none can be asked, or no
answer is of use, what the rules chose stands, and the choice says why.

Not here: what is asked and how answers are read (core/choice.py), sending a request (providers/vision.py).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol, TypeVar, get_args

from property_video.core.buying import Bill, Market, bill_choice
from property_video.core.choice import (
    Answer,
    ChoiceRequest,
    PairsChosen,
    RoomsChosen,
    Vendor,
    cost,
    pairs_request,
    read_pairs,
    read_rooms,
    rooms_request,
)
from property_video.core.chosen import Chosen, Stage
from property_video.core.errors import BadOutput
from property_video.core.ladder import Rung
from property_video.core.ladders import EMBEDDED, hosted, vendor_and_model
from property_video.core.money import in_usd
from property_video.core.pairing import ShotList, choose_pairs
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.wishes import Wishes, photo_wishes
from property_video.orders import calls
from property_video.orders.buyer import Means
from property_video.store import keys
from property_video.store.base import Store

VENDORS: Final[Mapping[str, Vendor]] = {vendor: vendor for vendor in get_args(Vendor)}


class Readable(Protocol):
    """What an answer was read to: what was repaired in it."""

    @property
    def repairs(self) -> tuple[str, ...]:
        """As sentences."""


T = TypeVar("T", bound=Readable)


def rooms_requests(wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis) -> dict[str, ChoiceRequest]:
    """What each model of the ladder is asked about the rooms, by its name."""
    previews = {photo.name: photo.preview for photo in uploaded.photos}
    return {
        name: rooms_request(VENDORS[vendor], model, analysis, previews)
        for name in hosted(wishes.ladders.choice)
        for vendor, model in (vendor_and_model(name),)
    }


def pairs_requests(wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis) -> dict[str, ChoiceRequest]:
    """What each model of the ladder is asked about the pairs, by its name; none when there is nothing to choose."""
    previews = {photo.name: photo.preview for photo in uploaded.photos}
    brief = wishes.brief
    asked = {
        name: pairs_request(
            VENDORS[vendor],
            model,
            wishes.storyboard,
            analysis,
            previews,
            never=photo_wishes(brief.photos, uploaded).never,
            notes=(*brief.property.highlights, *filter(None, (brief.brand.guidelines,))),
        )
        for name in hosted(wishes.ladders.choice)
        for vendor, model in (vendor_and_model(name),)
    }
    return {name: request for name, request in asked.items() if request is not None}


def choice_bills(
    wishes: Wishes, uploaded: UploadedPhotos, measured: PhotoAnalysis, analysis: PhotoAnalysis, market: Market
) -> dict[Stage, Bill]:
    """What the two choices are asked for, as far as it can be told before the first one is answered.

    Args:
        wishes: the campaign's.
        uploaded: its photos.
        measured: what the rooms are asked with: the embedded analysis.
        analysis: what the pairs are asked with: the same with a model's rooms, where they are known.
        market: what models cost.
    """
    requests = {
        "rooms": rooms_requests(wishes, uploaded, measured),
        "pairs": pairs_requests(wishes, uploaded, analysis),
    }
    return {
        stage: bill_choice(wishes.campaign, requests[stage], market.registry, market.terms)[0]
        for stage in get_args(Stage)
    }


def with_rooms(
    store: Store, means: Means, wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis
) -> PhotoAnalysis:
    """The analysis with the rooms that a vision model saw; the embedded one where none is asked or none answers.

    Raises:
        MissingMedia: a preview is no longer in the store.
        StoreFull, StoreError: the store cannot be written.
    """
    requests = rooms_requests(wishes, uploaded, analysis)
    if not requests:
        return analysis
    found, chosen = _asked(store, means, wishes, requests, _rooms_reader(analysis))
    return (found.analysis if found else analysis).model_copy(update={"chosen": chosen})


def with_pairs(
    store: Store,
    means: Means,
    wishes: Wishes,
    uploaded: UploadedPhotos,
    analysis: PhotoAnalysis,
    by_rule: ShotList,
) -> ShotList:
    """The shot list with the pairs that a vision model chose; `by_rule` where none is asked or none answers.

    Raises:
        BadBrief: as `choose_pairs`.
        MissingMedia: a preview is no longer in the store.
        StoreFull, StoreError: the store cannot be written.
    """
    requests = pairs_requests(wishes, uploaded, analysis)
    if not requests:
        return by_rule
    found, chosen = _asked(store, means, wishes, requests, _pairs_reader(wishes, uploaded, analysis))
    return (found.shot_list if found else by_rule).model_copy(update={"chosen": chosen})


def known_rooms(store: Store, wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis) -> PhotoAnalysis:
    """As `with_rooms`, from what was answered before; nobody is asked."""
    found, _ = _usable(store, "", rooms_requests(wishes, uploaded, analysis), _rooms_reader(analysis))
    return found.analysis if found else analysis


def known_pairs(
    store: Store, wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis, by_rule: ShotList
) -> ShotList:
    """As `with_pairs`, from what was answered before; nobody is asked."""
    requests = pairs_requests(wishes, uploaded, analysis)
    found, _ = _usable(store, "", requests, _pairs_reader(wishes, uploaded, analysis))
    return found.shot_list if found else by_rule


def _rooms_reader(analysis: PhotoAnalysis) -> Callable[[Answer, ChoiceRequest], RoomsChosen]:
    return lambda answer, request: read_rooms(answer, request, analysis)


def pairs_by_rule(
    wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis, before: ShotList | None
) -> ShotList:
    """The shot list that the rules choose for a campaign.

    Args:
        wishes: what it wants.
        uploaded: its photos.
        analysis: what they show.
        before: the last shot list, which is kept where nothing is clearly better.

    Raises:
        BadBrief: a wish names a photo that does not exist.
    """
    photos = photo_wishes(wishes.brief.photos, uploaded)
    return choose_pairs(
        wishes.storyboard,
        analysis,
        use=photos.use,
        never=photos.never,
        edits=wishes.edits,
        seed=wishes.seed,
        before=before,
    )


def _pairs_reader(
    wishes: Wishes, uploaded: UploadedPhotos, analysis: PhotoAnalysis
) -> Callable[[Answer, ChoiceRequest], PairsChosen]:
    photos = photo_wishes(wishes.brief.photos, uploaded)
    return lambda answer, request: read_pairs(
        answer,
        request,
        wishes.storyboard,
        analysis,
        use=photos.use,
        never=photos.never,
        edits=wishes.edits,
        seed=wishes.seed,
    )


def _asked(
    store: Store,
    means: Means,
    wishes: Wishes,
    requests: Mapping[str, ChoiceRequest],
    read: Callable[[Answer, ChoiceRequest], T],
) -> tuple[T | None, Chosen]:
    """What the first model of the ladder said that gave an answer of use, and how that came about."""
    market = means.market
    bill, known = bill_choice(wishes.campaign, requests, market.registry, market.terms)
    stage = next(iter(requests.values())).stage
    if not bill.orders:
        return None, Chosen(stage=stage, provider=EMBEDDED, fell=bill.passed_over)
    (order,) = bill.orders
    outcome = calls.buy_answer(
        means.clerk(store, wishes),
        order,
        lambda rung: _ask(store, means, rung, known[rung.name], read),
        providers=frozenset(means.asking),
        sleep=means.sleep,
        rng=means.rng,
    )
    found, name = _usable(store, outcome.rung, known, read)
    chosen = Chosen(
        stage=stage,
        provider=name,
        cost_usd=in_usd(outcome.cost),
        attempts=outcome.attempts,
        fell=(*bill.passed_over, *outcome.fell),
        repairs=found.repairs if found is not None else (),
    )
    return found, chosen


def _ask(
    store: Store,
    means: Means,
    rung: Rung,
    request: ChoiceRequest,
    read: Callable[[Answer, ChoiceRequest], T],
) -> calls.Answer:
    """Ask one model, unless the same was asked before; its answer is kept whether or not it is of use."""
    key = keys.answer(request.fingerprint)
    kept = store.read(key, Answer)
    answer = kept or means.asking[request.vendor].ask(
        request, {picture.preview: store.media_path(picture.preview) for picture in request.pictures}
    )
    if kept is None:
        store.write(key, answer)
    model = means.market.registry.choice[rung.name]
    paid = 0 if kept else cost(answer, request, model)
    try:
        read(answer, request)
    except BadOutput as error:
        return calls.Answer(key, paid, unusable=error.reason)
    return calls.Answer(key, paid)


def _usable(
    store: Store,
    settled: str,
    requests: Mapping[str, ChoiceRequest],
    read: Callable[[Answer, ChoiceRequest], T],
) -> tuple[T | None, str]:
    """What was answered, read in the light of what people want now, and by whom.

    The model whose answer was settled counts first; where none was, one that came in just before its process was
    killed.
    """
    for name in sorted(requests, key=lambda name: name != settled):
        answer = store.read(keys.answer(requests[name].fingerprint), Answer)
        if answer is not None:
            with suppress(BadOutput):
                return read(answer, requests[name]), name
    return None, EMBEDDED
