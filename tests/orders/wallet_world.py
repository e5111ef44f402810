"""A small world to buy in: a clock, a store in memory, a provider with an account, and processes that die.

Everything that a process does to the outside is a boundary: `World.cross` is called before and after it, and there the
process may be killed, or another one may get the processor. Nothing waits; equal seeds are equal histories.
"""

import contextlib
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel

from property_video.core.errors import (
    AnswerLost,
    BadOutput,
    DeliveryBroken,
    HostedRefusal,
    MissingMedia,
    OutputGone,
    RateLimited,
    TransientError,
)
from property_video.core.ladder import HostedOrder, Outcome, Policy, Rung
from property_video.core.ledger import Owner, fold
from property_video.core.outputs import MediaRef
from property_video.orders.budget import Account, Budget, Holding
from property_video.orders.clerk import Clerk
from property_video.orders.journal import Journal
from property_video.orders.pump import Progress, Pump
from property_video.providers.hosted import FileRef, Prediction
from property_video.store.base import Entry

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CAMPAIGN, CLIENT = "oak-street", "Costa Lenta"
SIGNATURE = "X-Amz-Signature"


class Killed(BaseException):
    """The process is gone, in the middle of whatever it did."""


def rung(name: str = "fast", price: int = 500_000, **more: Any) -> Rung:
    values: dict[str, Any] = {"files": ("image",), "deadline_s": 600.0, "inputs": {"prompt": "dolly in"}} | more
    return Rung(name=f"replicate:{name}", provider="replicate", model=f"maker/{name}", price=price, **values)


def order(number: int = 1, *rungs: Rung, **more: Any) -> HostedOrder:
    label = f"scene_{number}"
    return HostedOrder(id=f"{label}-abc", campaign=CAMPAIGN, label=label, rungs=rungs or (rung(),), **more)


# --- the provider


@dataclass
class Made:
    """A prediction as its provider knows it."""

    id: str
    model: str
    input: dict[str, Any]
    created: datetime
    seen: datetime
    starts: datetime
    ends: datetime
    fate: str
    deadline: datetime
    forgotten: datetime
    stopped: datetime | None = None
    downloads: int = 0

    def at(self, now: datetime) -> tuple[str, bool]:
        """Its status at a time, and whether it has started."""
        stop = min(filter(None, (self.stopped, self.deadline)))
        if self.ends <= now and self.ends <= stop:
            return ("failed" if self.fate.startswith("failed") else "succeeded"), True
        if stop <= now:
            started = self.starts <= stop
            return ("canceled" if started or self.stopped == stop else "aborted"), started
        return ("processing", True) if self.starts <= now else ("starting", False)


FATES = {
    "fine": "fine", "preempted": "failed: Prediction interrupted; please retry (code: PA)",
    "busy": "failed: Service is currently unavailable due to high demand. Please try again (E003)",
    "moderated": "failed: The input or output was flagged as sensitive. (E005)",
    "unreadable": "failed: The input was invalid. Please check your input and try again. (E006)",
    "own check": "failed: Prompt is longer than audio to generate",
    "never starts": "never starts", "never ends": "never ends", "bad clip": "bad clip", "no output": "no output",
    "gone": "gone", "mangled once": "mangled once", "broken often": "broken often",
}  # fmt: skip
"""What may become of a prediction."""

ROADS = (
    "fine",
    "lost before",
    "lost after",
    "late",
    "429",
    "429 bare",
    "429 an hour",
    "reset",
    "401",
    "402",
    "404",
    "422",
)
"""What may become of the request for one."""


class Provider:
    """A provider's account: everything it was asked, everything it made, and its bill."""

    def __init__(
        self, world: "World", roads: Sequence[str] = (), fates: Sequence[str] = (), trouble: float = 0.0
    ) -> None:
        self.world, self.trouble = world, trouble
        self.roads, self.fates = list(roads), list(fates)
        self.road_weights: Mapping[str, float] = {"fine": 1.0}
        self.fate_weights: Mapping[str, float] = {"fine": 1.0}
        self.made: list[Made] = []
        self.files: dict[str, str] = {}
        self.handed = 0
        self.requests: list[tuple[datetime, str]] = []
        self.bills_time: set[str] = set()
        self.prices: dict[str, int] = {}
        self.cancels: list[str] = []
        self.listing_lag_s = 10.0
        self.life_s = 3600.0
        self.stops_by_itself = True

    # what a pump sees

    def create(
        self, model: str, version: str | None, inputs: Mapping[str, Any], *, cancel_after_s: float
    ) -> Prediction:
        road = self.roads.pop(0) if self.roads else self._one_of(self.road_weights)
        with self._call(0.5):
            self.requests.append((self.world.now, road))
            match road:
                case "429":
                    raise RateLimited("Throttled.", retry_after_s=7)
                case "429 bare":
                    raise RateLimited("Throttled.")
                case "429 an hour":
                    raise RateLimited("Throttled.", retry_after_s=3600)
                case "reset":
                    raise TransientError("Nothing was sent.")
                case "401" | "402" | "404" | "422":
                    raise HostedRefusal(f"Refused with {road}.", status=int(road))
                case "lost before":
                    self.world.pass_s(self.world.rng.uniform(0, 60))
                    raise AnswerLost("No answer.")
                case "lost after" | "late":
                    arrival = self.world.rng.uniform(0, 80) if road == "late" else 0.0
                    self._make(model, inputs, cancel_after_s, arrival)
                    self.world.pass_s(self.world.rng.uniform(0, 60))
                    raise AnswerLost("No answer.")
            made = self._make(model, inputs, cancel_after_s, 0.0)
        return self._told(made)

    def get(self, id: str) -> Prediction:  # noqa: A002
        with self._call(0.2):
            self._stumble()
        return self._told(self._known(id))

    def cancel(self, id: str) -> Prediction:  # noqa: A002
        with self._call(0.2):
            self._stumble()
            self.cancels.append(id)
            made = self._known(id)
            if made.at(self.world.now)[0] in ("starting", "processing"):
                made.stopped = self.world.now
        return self._told(made)

    def recent(self, since: datetime) -> Sequence[Prediction]:
        with self._call(0.3):
            self._stumble()
        return [self._told(made) for made in self.made if made.created >= since and made.seen <= self.world.now]

    def upload(self, path: Path, name: str) -> FileRef:
        with self._call(0.3):
            self._stumble()
            self.handed += 1
            id_ = f"file-{len(self.files) + 1}"
            self.files[id_] = name
        return FileRef(id=id_, url=f"https://files.example/{id_}/{name}?{SIGNATURE}=secret")

    def delete_file(self, id: str) -> None:  # noqa: A002
        with self._call(0.2):
            self._stumble()
            self.files.pop(id, None)

    def download(self, url: str, into: Path, *, limit_bytes: int, expect: str) -> None:
        with self._call(1.0):
            made = next(each for each in self.made if f"/{each.id}/" in url)
            made.downloads += 1
            if made.fate == "gone" or self.world.now >= made.forgotten:
                raise OutputGone("404 for good.")
            if made.fate == "broken often" and made.downloads < 6:
                raise DeliveryBroken("Reset.")
            self._stumble(DeliveryBroken("Cut short."))
            mangled = made.fate == "mangled once" and made.downloads == 1
            into.write_text("noise" if mangled else f"{made.fate} {made.id}")

    # what it is

    def bill(self) -> int:
        """What all predictions are charged with, once they all have ended."""
        later = self.world.now + timedelta(days=1)
        return sum(self.charge(made, later) for made in self.made)

    def charge(self, made: Made, at: datetime) -> int:
        """The provider's own rule, written down a second time."""
        status, started = made.at(at)
        charged = started and (status in ("succeeded", "canceled") or made.model in self.bills_time)
        return self.prices[made.model] if charged else 0

    def _make(self, model: str, inputs: Mapping[str, Any], cancel_after_s: float, delay_s: float) -> Made:
        rng = self.world.rng
        fate = FATES[self.fates.pop(0) if self.fates else self._one_of(self.fate_weights)]
        created = self.world.now + timedelta(seconds=delay_s)
        starts = created + timedelta(seconds=10**7 if fate == "never starts" else rng.uniform(0, 20))
        ends = starts + timedelta(seconds=10**7 if fate == "never ends" else rng.uniform(5, 200))
        made = Made(
            id=f"p{len(self.made) + 1:03d}", model=model, input=dict(inputs), created=created,
            seen=created + timedelta(seconds=rng.uniform(0, self.listing_lag_s)), starts=starts, ends=ends, fate=fate,
            deadline=created + timedelta(seconds=cancel_after_s if self.stops_by_itself else 10**7),
            forgotten=min(ends, created + timedelta(seconds=cancel_after_s)) + timedelta(seconds=self.life_s),
        )  # fmt: skip
        self.made.append(made)
        return made

    def _told(self, made: Made) -> Prediction:
        now = self.world.now
        status, started = made.at(now)
        removed = now >= made.forgotten
        has_output = status == "succeeded" and made.fate != "no output" and not removed
        return Prediction(
            id=made.id, status=status, input={} if removed else made.input, started=started,
            output=f"https://delivery.example/{made.id}/out.mp4?{SIGNATURE}=secret" if has_output else None,
            error=made.fate.removeprefix("failed: ") if status == "failed" else "",
            created_at=made.created.isoformat(), predict_time_s=1.0 if started else None, data_removed=removed,
        )  # fmt: skip

    def _known(self, id_: str) -> Made:
        return next(made for made in self.made if made.id == id_)

    def _one_of(self, weights: Mapping[str, float]) -> str:
        return self.world.rng.choices(list(weights), list(weights.values()))[0]

    def _stumble(self, error: Exception | None = None) -> None:
        if self.world.rng.random() < self.trouble:
            raise error or TransientError("502")

    @contextlib.contextmanager
    def _call(self, seconds: float) -> Iterator[None]:
        self.world.cross()
        self.world.pass_s(seconds)
        yield
        self.world.cross()


# --- the store


class MemoryStore:
    """Records in memory, media in a folder: what the journal, the budget and the pump ask of a store, no more."""

    def __init__(self, world: "World", folder: Path) -> None:
        self.world, self.folder = world, folder
        self.records: dict[str, str] = {}
        self.shown: dict[str, bytes] | None = None
        """What anybody can fetch, by key; None where nobody outside reaches the store."""

    def link(self, file: Path, name: str) -> str | None:
        if self.shown is None:
            return None
        with self._call():
            self.shown[name] = file.read_bytes()
        return f"https://store.example/{name}?X-Amz-Signature={self.world.now:%H%M%S%f}"

    def create(self, key: str, record: BaseModel) -> bool:
        with self._call():
            if key in self.records:
                return False
            self.records[key] = record.model_dump_json()
        return True

    def write(self, key: str, record: BaseModel) -> None:
        with self._call():
            self.records[key] = record.model_dump_json()

    def read(self, key: str, kind: type[Any]) -> Any:
        self.world.cross()
        return kind.model_validate_json(self.records[key]) if key in self.records else None

    def keys(self, prefix: str) -> list[str]:
        self.world.cross()
        deep = {key.removeprefix(f"{prefix}/").split("/")[0] for key in self.records if key.startswith(f"{prefix}/")}
        return [f"{prefix}/{name}" for name in sorted(deep)]

    def walk(self, prefix: str) -> Iterator[Entry]:
        self.world.cross()
        return iter([Entry(key, 0, 0.0, "") for key in self.records if key.startswith(f"{prefix}/")])

    def remove(self, key: str) -> int:
        with self._call():
            self.records.pop(key, None)
            (self.shown or {}).pop(key, None)
        return 0

    @contextlib.contextmanager
    def scratch(self, what: str) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def adopt(self, file: Path) -> MediaRef:
        with self._call():
            data = file.read_bytes()
            key = f"media-{hashlib.sha256(data).hexdigest()}.mp4"
            file.replace(self.folder / key)
        return MediaRef(key=key, bytes=len(data))

    def media_path(self, key: str) -> Path:
        self.world.cross()
        if not (self.folder / key).exists():
            raise MissingMedia(f"No {key}.")
        return self.folder / key

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        self.world.cross()
        yield
        self.world.cross()


# --- this machine's work


@dataclass
class FakeHands:
    """Makes small files, accepts what is fine, and falls back."""

    world: "World"
    kept: dict[str, str] = field(default_factory=dict)
    fallen: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    def prepare(self, order: HostedOrder, rung: Rung, before: str, folder: Path) -> Mapping[str, Path]:
        self.world.cross()
        self.before.append(before)
        files = {name: folder / f"{order.label}-{name}.jpg" for name in rung.files}
        for file in files.values():
            file.write_text("pixels")
        return files

    def verify(self, order: HostedOrder, attempt: Any, raw: Path) -> str:
        self.world.cross()
        told = raw.read_text()
        if told == "noise" or told.startswith("bad clip"):
            raise BadOutput("It does not move.")
        self.kept[order.id] = told
        return f"take of {order.label}"

    def fall_back(self, order: HostedOrder, reason: str) -> str:
        self.world.cross()
        self.world.pass_s(5)
        self.fallen.append(order.label)
        return f"embedded take of {order.label}"


# --- the world


class World:
    """Clock, store, provider, and the processes that come and go."""

    def __init__(
        self, folder: Path, seed: int = 0, *, limit: int = 100_000_000, month_limit: int | None = None
    ) -> None:
        self.rng, self.now = Random(seed), START
        self.limit, self.month_limit = limit, month_limit
        self.store = MemoryStore(self, folder)
        self.provider = Provider(self)
        self.hands = FakeHands(self)
        self.policy = Policy()
        self.alive: set[int] = set()
        self.processes = 0
        self.crossed = 0
        self.kill_at: set[int] = set()
        self.progress: list[Progress] = []
        self.said: list[str] = []
        self.switch: Callable[[float], None] | None = None
        self.dead = threading.local()

    def cross(self) -> None:
        """A boundary: here a process may die, and once it is dead it does nothing more."""
        if getattr(self.dead, "yes", False):
            raise Killed
        self.crossed += 1
        if self.crossed in self.kill_at:
            self.dead.yes = True
            raise Killed
        if self.switch is not None:
            self.switch(0.0)

    def pass_s(self, seconds: float) -> None:
        """Time passes for this process."""
        if getattr(self.dead, "yes", False):
            raise Killed
        if self.switch is not None:
            self.switch(seconds)
        else:
            self.now += timedelta(seconds=seconds)

    def owner(self, pid: int) -> Owner:
        return Owner(host="here", pid=pid, started=str(pid))

    def pump(self, *, elsewhere: bool = False, policy: Policy | None = None) -> Pump:
        """A new process with a pump; `elsewhere` means that it cannot see whether others live."""
        self.processes += 1
        pid = self.processes
        self.alive.add(pid)
        self.dead.yes = False
        return Pump(
            self.clerk(pid, elsewhere, policy),
            {"replicate": self.provider},
            self.hands,
            self.store,
            sleep=self.pass_s,
            rng=Random(self.rng.random()),
            on_progress=self.progress.append,
            say=self.said.append,
        )

    def clerk(self, pid: int, elsewhere: bool = False, policy: Policy | None = None) -> Clerk:
        return Clerk(
            Journal(self.store, CAMPAIGN),
            self.budget(),
            owner=self.owner(pid),
            is_alive=lambda other: None if elsewhere else other.pid in self.alive,
            clock=lambda: self.now,
            policy=policy or self.policy,
        )

    def budget(self) -> Budget:
        return Budget(self.store, CAMPAIGN, CLIENT, campaign_limit=self.limit, month_limit=self.month_limit)

    def buy(self, *orders: HostedOrder, until: str | None = None, elsewhere: bool = False) -> dict[str, Outcome]:
        """Let one process drive the orders and end; it may be killed on the way."""
        self.price(orders)
        pump = self.pump(elsewhere=elsewhere)
        pid = self.processes
        try:
            return pump.run(orders, until)
        finally:
            self.alive.discard(pid)
            self.dead.yes = False

    def buy_at_last(
        self, *orders: HostedOrder, pause_s: Callable[[], float] = lambda: 1.0, elsewhere: bool = False
    ) -> dict[str, Outcome]:
        """Start a process again whenever it was killed, until everything is delivered."""
        while True:
            try:
                return self.buy(*orders, elsewhere=elsewhere)
            except Killed:
                self.pass_s(pause_s())

    def price(self, orders: Sequence[HostedOrder]) -> None:
        for each in (each for one in orders for each in one.rungs):
            self.provider.prices[each.model] = each.price
            if each.bills_time:
                self.provider.bills_time.add(each.model)

    # what must hold

    def journal(self) -> Journal:
        return Journal(self.store, CAMPAIGN)

    def accounts(self) -> dict[str, list[Holding]]:
        """All entries of all accounts, in order."""
        found: dict[str, list[Holding]] = {}
        for key in sorted(self.store.records):
            if key.startswith("budgets/"):
                name = key.removeprefix("budgets/").rpartition("/")[0]
                found.setdefault(name, []).append(Holding.model_validate_json(self.store.records[key]))
        return found

    def check(self, orders: Sequence[HostedOrder]) -> None:
        """Everything that must hold once all orders are closed."""
        self.kill_at.clear()
        journal = self.journal()
        states = {id_: fold(journal.events(id_)) for id_ in journal.orders()}
        assert all(states[each.id].closed and states[each.id].output for each in orders)

        attempts = [attempt for state in states.values() for attempt in state.attempts]
        lost = [attempt for attempt in attempts if attempt.stage == "lost"]
        assert all(attempt.booked is not None for attempt in attempts)

        by_intent: dict[str, list[Made]] = {}
        for made in self.provider.made:
            by_intent.setdefault(self.intent_of(made), []).append(made)
        assert all(len(found) == 1 for found in by_intent.values()), "an intent was bought twice"
        assert set(by_intent) <= {attempt.begun.intent for attempt in attempts}, "a prediction nobody wrote down"
        journaled = {attempt.prediction for attempt in attempts if attempt.prediction}
        orphans = {made.id for made in self.provider.made} - journaled
        assert orphans <= {made.id for each in lost for made in by_intent.get(each.begun.intent, ())}

        later = self.now + timedelta(days=1)
        unknown = sum(each.begun.price for each in lost)
        known = sum(self.provider.charge(m, later) for each in lost for m in by_intent.get(each.begun.intent, ()))
        assert sum(state.cost for state in states.values()) - unknown + known == self.provider.bill()

        for name, entries in self.accounts().items():
            limit = self.limit if name.startswith("campaigns/") else self.month_limit
            account = Account()
            for entry in entries:
                account.holdings[entry.intent] = entry
                assert limit is None or account.committed <= limit
            assert account.committed == account.spent, "something is still held"
            if name.startswith("campaigns/"):
                assert account.spent == sum(state.cost for state in states.values())

        assert SIGNATURE not in "".join(self.store.records.values())

    def intent_of(self, made: Made) -> str:
        """The intent that a prediction was made for, by the name of its file."""
        return made.input["image"].split("?")[0].rpartition("/")[2].rpartition("-")[0]


class Turns:
    """Lets several processes run by turns, each until its next boundary, in an order that a seed decides."""

    def __init__(self, world: World) -> None:
        self.world, self.now_running = world, 0
        self.wake: dict[int, datetime] = {}
        self.gates: dict[int, threading.Semaphore] = {}
        self.back = threading.Semaphore(0)
        self.me = threading.local()
        self.errors: list[BaseException] = []
        world.switch = self._switch

    def run(self, *processes: Callable[[], None]) -> None:
        """Run processes side by side to their ends. A killed one just ends; any other error is raised here."""
        threads = []
        for number, process in enumerate(processes):
            self.gates[number], self.wake[number] = threading.Semaphore(0), self.world.now
            threads.append(threading.Thread(target=self._live, args=(number, process), daemon=True))
        for thread in threads:
            thread.start()
        while self.wake:
            ready = [number for number, when in self.wake.items() if when <= self.world.now]
            if not ready:
                self.world.now = min(self.wake.values())
                continue
            self.gates[self.world.rng.choice(ready)].release()
            self.back.acquire()
        for thread in threads:
            thread.join()
        self.world.switch = None
        if self.errors:
            raise self.errors[0]

    def _live(self, number: int, process: Callable[[], None]) -> None:
        self.me.number = number
        self.gates[number].acquire()
        try:
            process()
        except Killed:
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            del self.wake[number]
            self.back.release()

    def _switch(self, seconds: float) -> None:
        number = self.me.number
        self.wake[number] = self.world.now + timedelta(seconds=seconds)
        self.back.release()
        self.gates[number].acquire()
