"""What a campaign has ordered of hosted models and paid for, as its journal tells it.

Not here: writing any of it (orders), printing it (cli.py).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from property_video.core.errors import BadInput
from property_video.core.ladder import falls, withdrawn
from property_video.core.ledger import OrderState
from property_video.core.money import in_usd
from property_video.core.records import Record
from property_video.core.wishes import Wishes
from property_video.orders.budget import Budget
from property_video.orders.journal import Journal
from property_video.settings import Settings
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.opening import open_store


class OrderLine(Record):
    """One order of a journal: a scene, the track or a link of it, or a choice.

    `state` is the last attempt's stage, or "embedded" where the order fell; `provider` and `prediction` are the last
    attempt's. `price_usd` is what that one was reserved at, `cost_usd` what all of them were booked with.
    """

    piece: str
    order: str
    state: str
    provider: str = ""
    attempts: int = 0
    price_usd: float = 0.0
    cost_usd: float = 0.0
    prediction: str = ""
    begun: datetime | None = None
    seconds: float | None = None
    fell: tuple[str, ...] = ()


class Accounts(Record):
    """A campaign's orders, what was spent and is held for them, and the budget of its last run, if it has one."""

    campaign: str
    orders: tuple[OrderLine, ...]
    spent_usd: float
    held_usd: float
    budget_usd: float | None


def read_accounts(settings: Settings, campaign: str) -> Accounts:
    """What a campaign has ordered and paid for.

    Raises:
        BadInput: there is no such campaign.
        StoreError: the journal has a gap.
    """
    store, journal = _journal(settings, campaign)
    wishes = store.read(keys.record("brief", campaign), Wishes)
    account = Budget(store, campaign, campaign_limit=0).account(f"campaigns/{campaign}")
    return Accounts(
        campaign=campaign,
        orders=tuple(sorted((_line(journal, order) for order in journal.orders()), key=_when)),
        spent_usd=in_usd(account.spent),
        held_usd=in_usd(account.committed - account.spent),
        budget_usd=in_usd(wishes.budget) if wishes is not None and wishes.budget is not None else None,
    )


def journal_lines(settings: Settings, campaign: str) -> Iterator[str]:
    """All events of a campaign's journal as lines of JSON.

    Raises:
        BadInput: there is no such campaign.
        StoreError: the journal has a gap.
    """
    return _journal(settings, campaign)[1].lines()


def spent(store: Store, campaign: str) -> int:
    """What hosted models were paid for a campaign so far, in micro-dollars."""
    journal = Journal(store, campaign)
    return sum(journal.state(order).cost for order in journal.orders())


def _journal(settings: Settings, campaign: str) -> tuple[Store, Journal]:
    store = open_store(settings.store)
    journal = Journal(store, campaign)
    if not journal.orders() and not store.exists(keys.record("brief", campaign)):
        known = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys("records/brief")]
        raise BadInput(f"There is no campaign {campaign!r}.", f"There are: {', '.join(known) or 'none yet'}.")
    return store, journal


def _line(journal: Journal, order: str) -> OrderLine:
    state = journal.state(order)
    line = OrderLine(
        piece=_piece(order),
        order=order,
        state=_state(state),
        attempts=len(state.attempts),
        cost_usd=in_usd(state.cost),
        fell=falls(withdrawn(order, journal.campaign), state) or ((state.fell.reason,) if state.fell else ()),
    )
    if not state.attempts:
        return line
    last = state.attempts[-1]
    took = (last.ended_at - last.begun.at).total_seconds() if last.ended_at is not None else None
    return line.model_copy(
        update={
            "provider": last.begun.rung,
            "price_usd": in_usd(last.begun.price),
            "prediction": last.prediction,
            "begun": last.begun.at.astimezone(UTC),
            "seconds": took,
        }
    )


def _piece(order: str) -> str:
    """`scene_1`, or `audio_track 2` for a link of a chain."""
    label, _, *link = order.split("-")
    return " ".join((label, *link))


def _when(line: OrderLine) -> tuple[bool, str, str]:
    """In the order in which they were begun last; those that nothing was begun for at the end."""
    return (line.begun is None, line.begun.isoformat() if line.begun else "", line.order)


def _state(state: OrderState) -> str:
    if state.fell is not None:
        return "embedded"
    return state.attempt.stage if state.attempt is not None else "claimed"
