"""Paid calls that answer at once (a choice by a vision model): one request, one answer, no prediction to go back to.

The same ladder, journal and budget as for predictions. What is different: an answer that was lost is lost, because
nothing can be looked up; it then counts as spent, and the policy says what follows.

Not here: predictions (pump.py), what is asked and what passes for an answer (providers/vision.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from property_video.core.errors import AnswerLost, HostedRefusal, RateLimited, TransientError
from property_video.core.ladder import (
    Done,
    FallBack,
    HostedOrder,
    Outcome,
    Place,
    Rung,
    Shops,
    Wait,
    back_off_s,
    next_step,
    outcome,
)
from property_video.core.ledger import Event, Fell, Lost, Refused, Rejected, Sending, Settled, Unsent
from property_video.orders.clerk import Clerk
from property_video.orders.journal import Overtaken

FOLLOW_S = 2.0
"""Seconds between two looks at an order that another process works on."""


@dataclass(frozen=True)
class Answer:
    """What a call gave: the key under which it is kept, and what it cost, where the answer tells (tokens used).

    `unusable` says why it is of no use, "" when it is.
    """

    output: str
    cost: int | None = None
    unusable: str = ""


def buy_answer(
    clerk: Clerk,
    order: HostedOrder,
    ask: Callable[[Rung], Answer],
    *,
    providers: frozenset[str],
    sleep: Callable[[float], None],
    rng: Random,
) -> Outcome:
    """Have one rung after the other asked, until one answers; found when it was answered before.

    Nothing is delivered by the embedded provider here: its outcome has no output, and the caller chooses by its rules.

    Args:
        clerk: writes for this process.
        order: its rungs have neither files nor seeds, and at most the price that the answer can cost.
        ask: sends one request and keeps the answer before it returns. It raises what a hosted service raises
            (providers/hosted.py).
        providers: those that there is a key for.
        sleep: waits so many seconds.
        rng: spreads retries.
    """
    closed = {rung.provider: f"There is no key for {rung.provider}." for rung in order.rungs}
    shops, troubles = Shops({name: why for name, why in closed.items() if name not in providers}), 0
    try:
        while True:
            clerk.sign_life()
            try:
                if not clerk.owns(order.id):
                    sleep(FOLLOW_S * rng.uniform(0.8, 1.2))
                    continue
                step = next_step(order, clerk.journal.state(order.id), clerk.clock(), clerk.policy, shops=shops)
                match step:
                    case Done():
                        return outcome(order, clerk.journal.state(order.id))
                    case Wait(until=until):
                        assert until is not None, "an answer goes on from no other order"
                        sleep(max((until - clerk.clock()).total_seconds(), 0.0))
                    case FallBack():
                        clerk.journal.append(order.id, Fell(at=clerk.clock(), reason=step.reason, output=""))
                    case Place():
                        sending = Sending(at=clerk.clock(), inputs=step.rung.inputs, cancel_after_s=step.cancel_after_s)
                        clerk.journal.append(order.id, sending)
                        troubles += 1
                        clerk.journal.append(order.id, _asked(clerk, ask, step.rung, troubles, rng))
                    case _:
                        assert clerk.do(order, step), step
            except Overtaken:
                clerk.journal.refresh(order.id)
    finally:
        clerk.sign_off()


def _asked(clerk: Clerk, ask: Callable[[Rung], Answer], rung: Rung, troubles: int, rng: Random) -> Event:
    """Ask once; return what came of it."""
    try:
        answer = ask(rung)
    except AnswerLost as error:
        return Lost(at=clerk.clock(), reason=error.reason)
    except HostedRefusal as error:
        return Refused(at=clerk.clock(), by="provider", reason=error.reason)
    except TransientError as error:
        asked = error.retry_after_s if isinstance(error, RateLimited) else None
        pause = (asked or back_off_s(troubles)) * rng.uniform(1.0, 1.2)
        again = clerk.clock() + timedelta(seconds=pause)
        return Unsent(at=clerk.clock(), reason=error.reason, again_at=again)
    if answer.unusable:
        return Rejected(at=clerk.clock(), raw=answer.output, reason=answer.unusable, cost=answer.cost)
    return Settled(at=clerk.clock(), output=answer.output, cost=answer.cost)
