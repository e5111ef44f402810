"""What this process buys with: its identity, the services that it has keys for, the clock.

Not here: what may be bought (settings and brief decide), buying (orders/buyer.py).
"""

import os
import random
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import MappingProxyType

from property_video.core.buying import Market
from property_video.core.ledger import Owner
from property_video.core.money import Micros
from property_video.engine.processes import is_alive, start_of
from property_video.orders.buyer import Asking, Means, Services


def means_of(
    market: Market,
    services: Callable[[], AbstractContextManager[Services]],
    asking: Asking,
    month_limit: Micros | None = None,
    slots: Mapping[str, int] = MappingProxyType({}),
) -> Means:
    """The means of this process.

    Args:
        market: what there is to buy.
        services: opens the services that there are keys for.
        asking: the vision models that there are keys for.
        month_limit: the most that a client's campaigns may cost in a month.
        slots: how many orders may be at a provider at once.
    """
    host = socket.gethostname()

    def lives(owner: Owner) -> bool | None:
        return is_alive(owner.pid, owner.started) if owner.host == host else None

    return Means(
        market=market,
        services=services,
        asking=asking,
        owner=Owner(host=host, pid=os.getpid(), started=start_of(os.getpid())),
        is_alive=lives,
        clock=lambda: datetime.now(UTC),
        sleep=time.sleep,
        rng=random.Random(),  # noqa: S311 - spreads requests in time
        month_limit=month_limit,
        slots=slots,
    )
