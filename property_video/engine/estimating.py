"""What a film would cost, before a cent is spent.

Photos are read and looked at as for a film, and found again when it is made. Pairs are chosen by the embedded rules,
unless a vision model chose them before.
Nothing is written that belongs to the campaign.

Not here: prices (core/models.py), the table (core/cost_table.py), printing it (cli.py).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from property_video.core.buying import Market
from property_video.core.cost_table import CostRow, choice_rows, cost_rows
from property_video.core.edits import Edit, EditValue, checked_edit
from property_video.core.money import in_usd, micros
from property_video.core.orders import plan
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.records import Record
from property_video.core.wishes import Wishes, photo_wishes
from property_video.defs.wanted import brief_in, wanted
from property_video.engine.accounts import spent
from property_video.intake.photos import analyse, take_in
from property_video.orders.choosing import choice_bills, known_pairs, known_rooms, pairs_by_rule
from property_video.orders.journal import Journal
from property_video.orders.place import place
from property_video.providers.registry import load_registry
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.edits import edits_with
from property_video.store.opening import open_store
from property_video.storyboards import load_moves, storyboard_names

ANY_BUDGET: Final = 100_000.0
"""Dollars: lets hosted models be planned where nobody has said yet how much they may cost."""


class Progress(Protocol):
    """Told how far a step is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` units of a step are done."""


class Estimate(Record):
    """What a film would cost if every model that is asked first delivers at once.

    `budget_usd` is what somebody allowed, None where nobody did; `spent_usd` is what the campaign has cost already.
    """

    campaign: str
    rows: tuple[CostRow, ...]
    estimate_usd: float
    spent_usd: float
    budget_usd: float | None


def estimate_film(
    settings: Settings, folder: Path, campaign: str, values: Mapping[str, EditValue], *, progress: Progress
) -> Estimate:
    """Say what a film of a folder would cost.

    Args:
        settings: where things are.
        folder: photos, and perhaps a brief.
        campaign: its name; what stands for it counts, and so does what it has.
        values: what a person would choose for the whole film, as for `make`.
        progress: told how far each step is.

    Raises:
        BadInput: the folder, the brief or what the person chose breaks a rule.
        StoreFull, StoreError: the store cannot be written.
    """
    store, market = open_store(settings.store), Market(registry=load_registry())
    wishes, allowed = _wishes(store, folder, campaign, values)
    uploaded = take_in(store, folder, partial(progress, "uploaded_photos"))
    photos = photo_wishes(wishes.brief.photos, uploaded)
    measured = analyse(store, uploaded, photos.rooms, partial(progress, "photo_analysis"))
    analysis = known_rooms(store, wishes, uploaded, measured)
    before = store.read(keys.record("selected_pairs", campaign), ShotList)
    by_rule = pairs_by_rule(wishes, uploaded, analysis, before)
    shot_list = known_pairs(store, wishes, uploaded, analysis, by_rule)
    orders = place(store, plan(wishes, shot_list, uploaded, analysis, load_moves(), market))
    rows = (*_choices(store, wishes, uploaded, measured, analysis, market), *cost_rows(orders))
    return Estimate(
        campaign=campaign,
        rows=rows,
        estimate_usd=in_usd(sum(micros(row.estimate_usd) for row in rows)),
        spent_usd=in_usd(spent(store, campaign)),
        budget_usd=allowed,
    )


def _wishes(store: Store, folder: Path, campaign: str, values: Mapping[str, EditValue]) -> tuple[Wishes, float | None]:
    """The wishes as they would be, and the budget that somebody named."""
    written, recording = brief_in(store, folder)
    edit = checked_edit(Edit(values=dict(values)), load_moves(), storyboard_names())
    edits = edits_with(store, campaign, edit)
    allowed = edits.budget_usd if edits.budget_usd is not None else written.budget_usd
    if allowed is None:
        edits = edits.model_copy(update={"budget_usd": ANY_BUDGET})
    return wanted(campaign, written, recording, edits), allowed


def _choices(
    store: Store,
    wishes: Wishes,
    uploaded: UploadedPhotos,
    measured: PhotoAnalysis,
    analysis: PhotoAnalysis,
    market: Market,
) -> tuple[CostRow, ...]:
    bills = choice_bills(wishes, uploaded, measured, analysis, market)
    journal = Journal(store, wishes.campaign)
    return choice_rows(bills, [order for order in journal.orders() if journal.state(order).closed])
