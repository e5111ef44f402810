"""What a film costs, call by call: the table that `estimate` prints and the asset `orders` shows.

Not here: prices (models.py, choice.py), what was really paid (orders/journal.py).
"""

from collections.abc import Collection, Iterator, Mapping

from property_video.core.buying import Bill
from property_video.core.chosen import Chosen, Stage
from property_video.core.ladders import EMBEDDED
from property_video.core.money import in_usd
from property_video.core.orders import Orders, SceneOrder, TrackOrder
from property_video.core.records import Record


class CostRow(Record):
    """One call, or one piece that costs nothing.

    `provider` is asked first, and `estimate_usd` is its price when it delivers at once; 0 for what exists already.
    `state` is "found", "to be made" or "to be asked"; `passed_over` says why models of the ladder are not asked.
    """

    piece: str
    provider: str
    state: str
    detail: str
    seconds: float
    estimate_usd: float
    passed_over: str = ""


def cost_rows(orders: Orders) -> tuple[CostRow, ...]:
    """A row for every call and piece of a film, in the order of the film, the track last."""
    scenes = (row for order in orders.scenes if not order.left_out for row in _scene_rows(order))
    return (*scenes, *_track_rows(orders.track))


def choice_rows(bills: Mapping[Stage, Bill], answered: Collection[str]) -> tuple[CostRow, ...]:
    """A row for each choice that models are asked for; `answered` are ids of orders that are paid for already."""
    rows = []
    for stage, bill in bills.items():
        for order in bill.orders:
            found = order.id in answered
            rows.append(
                CostRow(
                    piece=f"choice of {stage}",
                    provider=order.rungs[0].name,
                    state="found" if found else "to be asked",
                    detail=f"{len(order.rungs[0].inputs['pictures'])} photos; at most",
                    seconds=0.0,
                    estimate_usd=0.0 if found else in_usd(bill.estimate),
                    passed_over=" ".join(bill.passed_over),
                )
            )
        if not bill.orders and bill.passed_over:
            rows.append(_embedded_choice(stage, " ".join(bill.passed_over)))
    return tuple(rows)


def chosen_row(chosen: Chosen) -> CostRow:
    """The row of a choice that was made."""
    return CostRow(
        piece=f"choice of {chosen.stage}",
        provider=chosen.provider,
        state="found",
        detail=f"${chosen.cost_usd:.4f} paid",
        seconds=0.0,
        estimate_usd=0.0,
        passed_over=" ".join(chosen.fell),
    )


def _embedded_choice(stage: str, passed_over: str) -> CostRow:
    return CostRow(
        piece=f"choice of {stage}",
        provider=EMBEDDED,
        state="to be made",
        detail="",
        seconds=0.0,
        estimate_usd=0.0,
        passed_over=passed_over,
    )


def _scene_rows(order: SceneOrder) -> Iterator[CostRow]:
    assert order.shot is not None
    yield CostRow(
        piece=order.scene,
        provider=order.provider,
        state=_state(order),
        detail=order.shot.move.name,
        seconds=order.shot.frames / order.shot.film.fps,
        estimate_usd=0.0 if order.found else in_usd(order.bill.estimate),
        passed_over=" ".join(order.bill.passed_over),
    )


def _track_rows(order: TrackOrder) -> Iterator[CostRow]:
    """One row, or one for each link of a chain."""
    base = CostRow(
        piece="audio_track",
        provider=order.provider,
        state=_state(order),
        detail=order.recording.name if order.recording else order.mood,
        seconds=order.frames / order.fps,
        estimate_usd=0.0 if order.found else in_usd(order.bill.estimate),
        passed_over=" ".join(order.bill.passed_over),
    )
    if len(order.bill.orders) < 2:
        yield base
        return
    for link, part in zip(order.bill.orders, order.bill.links, strict=True):
        price = 0.0 if order.found else in_usd(link.rungs[0].price)
        yield base.model_copy(update={"piece": link.label, "seconds": part.length_s, "estimate_usd": price})


def _state(order: SceneOrder | TrackOrder) -> str:
    return "found" if order.found else "to be made"
