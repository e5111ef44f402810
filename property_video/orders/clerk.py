"""The clerk: the steps of an order that ask nobody outside: claiming it, and writing into journal and budget.

Not here: asking providers (pump.py for predictions, calls.py for answers), deciding (core/ladder.py).
"""

from collections.abc import Callable
from datetime import datetime

from property_video.core.ladder import (
    Begin,
    Book,
    HostedOrder,
    Note,
    Policy,
    Reserve,
    Step,
    intent_of,
    may_take_over,
)
from property_video.core.ledger import Booked, Claimed, OrderState, Owner, Refused, Reserved
from property_video.orders.budget import Budget
from property_video.orders.journal import Journal


class Clerk:
    """Writes for one process.

    Args:
        journal: the campaign's journal.
        budget: the campaign's budget.
        owner: this process.
        is_alive: whether another owner lives; None where this machine cannot tell (it is on another one).
        clock: the time, with time zone.
        policy: how patient we are.
    """

    def __init__(
        self,
        journal: Journal,
        budget: Budget,
        *,
        owner: Owner,
        is_alive: Callable[[Owner], bool | None],
        clock: Callable[[], datetime],
        policy: Policy,
    ) -> None:
        self.journal, self._budget = journal, budget
        self._owner, self._is_alive, self.clock, self.policy = owner, is_alive, clock, policy
        self._signed: datetime | None = None

    def owns(self, order: str) -> bool:
        """Whether this process may act for an order, which it claims where it may; a closed one needs no owner."""
        if self.journal.state(order).owner == self._owner:
            return True
        state, now = self.journal.refresh(order), self.clock()
        if state.closed or state.owner == self._owner:
            return True
        if state.owner is not None:
            alive, silent_s = self._is_alive(state.owner), self.journal.silent_s(state.owner, now)
            if not may_take_over(state, now, self.policy, alive=alive, silent_s=silent_s):
                return False
        self.journal.append(order, Claimed(at=now, owner=self._owner))
        return True

    def is_gone(self, owner: Owner) -> bool:
        """Whether another process is gone for certain: dead on this machine, or silent for long on another one."""
        alive = self._is_alive(owner) if owner != self._owner else True
        return alive is False or (alive is None and self.journal.silent_s(owner, self.clock()) >= self.policy.lease_s)

    def seen(self, order: str) -> OrderState:
        """How an order stands, also when another process works on it."""
        state = self.journal.state(order)
        return state if state.closed or state.owner == self._owner else self.journal.refresh(order)

    def do(self, order: HostedOrder, step: Step) -> bool:
        """Take a step if it is one of ours; return whether it was."""
        match step:
            case Note():
                self.journal.append(order.id, step.event)
            case Begin():
                now = self.clock()
                self.journal.append(order.id, intent_of(order, step, now, self._budget.accounts(now)))
            case Reserve():
                self._reserve(order)
            case Book():
                self._book(order, step)
            case _:
                return False
        return True

    def sign_life(self) -> None:
        """Show others that this process is alive, when it is time to."""
        now = self.clock()
        if self._signed is None or (now - self._signed).total_seconds() >= self.policy.lease_s / 4:
            self.journal.sign_life(self._owner, now)
            self._signed = now

    def sign_off(self) -> None:
        """Say that this process does nothing for its orders any more."""
        self.journal.sign_off(self._owner)
        self._signed = None

    def _reserve(self, order: HostedOrder) -> None:
        attempt = self.journal.state(order.id).attempt
        assert attempt is not None
        begun = attempt.begun
        refused = self._budget.reserve(begun.intent, begun.price, begun.accounts)
        now = self.clock()
        self.journal.append(order.id, Refused(at=now, by="budget", reason=refused) if refused else Reserved(at=now))

    def _book(self, order: HostedOrder, step: Book) -> None:
        attempt = self.journal.state(order.id).attempt
        assert attempt is not None
        begun = attempt.begun
        self._budget.settle(begun.intent, step.cost, begun.accounts)
        self.journal.append(order.id, Booked(at=self.clock(), attempt=begun.attempt, cost=step.cost))


def resolve(journal: Journal, budget: Budget, order: str, attempt: int, cost: int, at: datetime) -> None:
    """Book a lost attempt at what it has really cost, once a person has seen the provider's bill.

    Raises:
        Overtaken: a process works on the order.
        StoreError: that attempt is not lost, or not booked yet.
    """
    state = journal.refresh(order)
    event = Booked(at=at, attempt=attempt, cost=cost, note="resolved")
    journal.append(order, event)
    begun = state.attempts[attempt - 1].begun
    budget.settle(begun.intent, cost, begun.accounts)
