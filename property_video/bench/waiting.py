"""A measured process that waits for hosted clips, with a clock that is moved instead of waited for.

`python -m property_video.bench.waiting N` places N orders, asks for each as often as the pump does in four minutes,
and prints one JSON object: CPU seconds of starting and of waiting, and what the memory grew by.

Not here: other measured processes (workloads.py, engine/load.py), the table (scale.py).
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from property_video.bench.measure import STARTUP
from property_video.core.ladder import HostedOrder, Policy, Rung
from property_video.core.ledger import Attempt, Owner
from property_video.orders.budget import Budget
from property_video.orders.clerk import Clerk
from property_video.orders.journal import Journal
from property_video.orders.pump import Pump
from property_video.providers.hosted import FileRef, Medium, Prediction
from property_video.store.opening import open_store

CAMPAIGN: Final = "waiting"
WAIT_S: Final = 240.0
"""A hosted film's minutes."""


class _Enough(BaseException):
    """The time to be measured is over."""


@dataclass
class _Clock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    end: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.end = self.now + timedelta(seconds=WAIT_S)

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.now >= self.end:
            raise _Enough


@dataclass
class _Queue:
    """A service whose predictions stay in the queue; it answers with what Replicate echoes."""

    clock: _Clock
    made: dict[str, Prediction] = field(default_factory=dict)
    asked: int = 0

    def create(
        self, model: str, version: str | None, inputs: Mapping[str, Any], *, cancel_after_s: float
    ) -> Prediction:
        made = Prediction(
            id=f"p{len(self.made):06d}", status="starting", input=dict(inputs), created_at=self.clock.now.isoformat()
        )
        self.made[made.id] = made
        return made

    def get(self, id: str) -> Prediction:  # noqa: A002 - the protocol's word
        self.asked += 1
        return self.made[id].model_copy(update={"status": "processing", "started": True})

    def recent(self, since: datetime) -> Sequence[Prediction]:
        return list(self.made.values())

    def cancel(self, id: str) -> Prediction:  # noqa: A002 - the protocol's word
        return self.made[id]

    def upload(self, path: Path, name: str) -> FileRef:
        raise NotImplementedError

    def delete_file(self, id: str) -> None:  # noqa: A002 - the protocol's word
        raise NotImplementedError

    def download(self, url: str, into: Path, *, limit_bytes: int, expect: Medium) -> None:
        raise NotImplementedError


class _NoHands:
    """Nothing comes, so nothing is to be done on this machine."""

    def prepare(self, order: HostedOrder, rung: Rung, before: str, folder: Path) -> Mapping[str, Path]:
        return {}

    def verify(self, order: HostedOrder, attempt: Attempt, raw: Path) -> str:
        raise NotImplementedError

    def fall_back(self, order: HostedOrder, reason: str) -> str:
        raise NotImplementedError


def main() -> None:
    """Be the measured process."""
    many = int(sys.argv[1])
    startup, memory = time.process_time(), resident()
    with tempfile.TemporaryDirectory(prefix="property-video-bench-") as folder:
        asked = wait_for(many, Path(folder))
    said = {STARTUP: startup, "grown_mb": resident() - memory, "before_mb": memory, "asked": asked}
    sys.stdout.write(json.dumps(said))


def wait_for(many: int, folder: Path) -> int:
    """Wait for so many clips at once; how often they were asked for."""
    store, clock = open_store(folder), _Clock()
    queue = _Queue(clock)
    owner = Owner(host="bench", pid=os.getpid(), started="1")
    budget = Budget(store, CAMPAIGN, campaign_limit=10**12)
    journal = Journal(store, CAMPAIGN)
    clerk = Clerk(journal, budget, owner=owner, is_alive=lambda other: True, clock=lambda: clock.now, policy=Policy())
    pump = Pump(clerk, {"replicate": queue}, _NoHands(), store, sleep=clock.sleep, rng=Random(0))  # noqa: S311
    try:
        pump.run([_order(number) for number in range(many)])
    except _Enough:
        return queue.asked
    raise AssertionError("they never come")


def _order(number: int) -> HostedOrder:
    rung = Rung(
        name="replicate:maker/model",
        provider="replicate",
        model="maker/model",
        inputs={"prompt": f"A slow dolly into room {number}, " + "steady, photographic, no people, " * 8},
        seed_key="seed",
        price=400_000,
    )
    return HostedOrder(id=f"scene_{number % 7 + 1}-{number:06d}", campaign=CAMPAIGN, label="scene", rungs=(rung,))


def resident() -> float:
    """Resident memory of this process now, in 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
