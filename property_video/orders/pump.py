"""The pump: whoever waits for one order drives all orders of the campaign forward.

One thread. It asks `next_step` (core/ladder.py) what is to be done for each order, does that one thing, and writes what
came of it into the journal. It decides nothing and remembers nothing that matters: a new pump on the same store goes on
where a killed one stopped. Round by round every order takes one step, so that all intents are written before the first
request leaves, and all requests have left before the first answer is waited for.

Not here: rules (core/ladder.py, core/ledger.py), the services (providers), the film's own verification (settle.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from random import Random
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from property_video.core.errors import (
    AnswerLost,
    BadOutput,
    DeliveryBroken,
    HostedRefusal,
    MissingMedia,
    OutputGone,
    PropertyVideoError,
    RateLimited,
    TransientError,
)
from property_video.core.ladder import (
    Begin,
    Book,
    Cancel,
    Done,
    Download,
    FallBack,
    HostedOrder,
    LookUp,
    Note,
    Outcome,
    Place,
    Poll,
    Reserve,
    Rung,
    Shops,
    Step,
    Verify,
    Wait,
    back_off_s,
    next_step,
    outcome,
    poll_after_s,
    withdrawn,
)
from property_video.core.ledger import (
    Attempt,
    Downloaded,
    Event,
    Fell,
    Gone,
    Lost,
    Medium,
    Observed,
    Placed,
    Refused,
    Rejected,
    Sending,
    Settled,
    Surplus,
    Unsent,
    Uploaded,
    is_echo,
    price_of,
    seed_of,
)
from property_video.core.outputs import MediaRef
from property_video.orders.clerk import Clerk
from property_video.orders.journal import Journal, Overtaken
from property_video.orders.slots import Slots
from property_video.providers.hosted import TERMINAL, FileRef, Prediction, PredictionApi
from property_video.store import keys
from property_video.store.disk import sha256_of

FOLLOW_S: Final = 2.0
"""Seconds between two looks at an order that another process, or another order, has to move first."""

LONGEST_SLEEP_S: Final = 30.0
"""The pump wakes up so often at least, to show that it lives."""

LONGEST_ERROR: Final = 600
"""Characters of a provider's error that are written down."""

LIMIT_BYTES: Final[Mapping[Medium, int]] = {"video": 1 << 30, "audio": 1 << 28, "image": 1 << 26}
"""Nothing longer is fetched: ten seconds of 4K at 100 Mbit/s are an eighth of it, three minutes of WAV likewise."""

SUFFIXES: Final[Mapping[Medium, tuple[str, ...]]] = {
    "video": (".mp4", ".webm", ".mov"),
    "audio": (".wav", ".mp3", ".flac", ".m4a"),
    "image": (".png", ".jpg", ".jpeg", ".webp"),
}
"""Extensions that an output may keep in the store; any other becomes the first of its row."""

GONE_FROM_PROVIDER: Final = frozenset({"succeeded", "downloaded", "settled", "rejected", "gone", "lost"})
"""Stages of an attempt whose prediction does not run any more, and that is not tried again at once."""

AT_PROVIDER: Final = frozenset({"sending", "placed"})
"""Stages of an attempt whose prediction may run."""

OUT_OF_SERVICE: Final = frozenset({401, 402, 403})
"""Refusals that are about us, not about what was asked: nothing else is sent to that provider."""


class MediaStore(Protocol):
    """What the pump asks of a store."""

    def scratch(self, what: str) -> AbstractContextManager[Path]:
        """A folder for unfinished work, gone at the end."""

    def adopt(self, file: Path) -> MediaRef:
        """Move a finished file into the store, under the hash of its bytes."""

    def media_path(self, key: str) -> Path:
        """The file of a media key."""

    def link(self, file: Path, name: str) -> str | None:
        """Put a file under a name and give the address that anybody can fetch it from for a while; None: nobody can."""

    def remove(self, key: str) -> int:
        """Remove a key, if it is there."""


class Hands(Protocol):
    """What is done for an order on this machine."""

    def prepare(self, order: HostedOrder, rung: Rung, before: str, folder: Path) -> Mapping[str, Path]:
        """Make the files that a rung sends, by the inputs that name them.

        `before` is the output of the order that this one goes on from, or "". The files may be made in `folder`.
        """

    def verify(self, order: HostedOrder, attempt: Attempt, raw: Path) -> str:
        """Conform and verify an output as it came, keep what was ordered, and return the key of that.

        Doing it again for the same output changes nothing.

        Raises:
            BadOutput: it is not what was ordered.
        """

    def fall_back(self, order: HostedOrder, reason: str) -> str:
        """Have the embedded provider make what was ordered; return the key of that, or "" when there is nothing."""


@dataclass(frozen=True)
class Progress:
    """How the orders stand, by label: under way, delivered by a hosted model, fallen to the embedded provider."""

    loading: tuple[str, ...]
    done: tuple[str, ...]
    failed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.loading)} loading, {len(self.done)} done, {len(self.failed)} failed"


class Pump:
    """Drives orders of one campaign to their ends.

    Args:
        clerk: writes for this process.
        services: the providers that can be asked, by the names that rungs use.
        hands: what is done on this machine.
        store: where outputs go.
        sleep: waits so many seconds.
        rng: spreads polls and retries.
        slots: how many orders may be at a provider at once; None for any number.
        on_progress: told whenever an order has changed.
        say: told what a person should know at once; each thing is said once.
    """

    def __init__(
        self,
        clerk: Clerk,
        services: Mapping[str, PredictionApi],
        hands: Hands,
        store: MediaStore,
        *,
        sleep: Callable[[float], None],
        rng: Random,
        slots: Slots | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._clerk, self._journal, self._clock, self._policy = clerk, clerk.journal, clerk.clock, clerk.policy
        self._services, self._hands, self._store = services, hands, store
        self._sleep, self._rng = sleep, rng
        self._slots, self._on_progress, self._say = slots, on_progress, say
        self._closed: dict[str, str] = {}
        self._held: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        self._troubles: dict[str, int] = {}
        self._addresses: dict[str, dict[str, str]] = {}
        self._broken: dict[str, str] = {}
        self._folder = Path()

    def run(self, orders: Iterable[HostedOrder], until: str | None = None, *, wait: bool = True) -> dict[str, Outcome]:
        """Drive all orders forward until one of them, or every one, is closed.

        An order that meets an error of this machine (a full disk, a photo that is gone) stops alone, unless it is the
        one that is waited for.

        Args:
            orders: the orders of the campaign; also those that are closed, and those that are `withdrawn`.
            until: the id of the order that is waited for; None for all.
            wait: False to return as soon as nothing moves without waiting or falling back; nothing then stops it.

        Returns:
            The outcomes of all orders that are closed by now, by id.

        Raises:
            PropertyVideoError: what stopped the order that is waited for, or any of them when it is all.
        """
        work = {order.id: order for order in orders}
        assert all(order.after in work for order in work.values() if order.after), "a chain is driven whole"
        for rung in (rung for order in work.values() for rung in order.rungs if rung.provider not in self._services):
            self._closed.setdefault(rung.provider, f"There is no key for {rung.provider}.")
        round_ = _Round(work, until)
        try:
            with self._store.scratch("orders") as folder:
                self._folder = folder
                if self._slots is not None and any(not self._journal.state(order).closed for order in work):
                    self._slots.recall(self._journal.campaign)
                self._drive(round_, wait)
        finally:
            self._clerk.sign_off()
        states = {order.id: self._journal.state(order.id) for order in work.values()}
        return {id_: outcome(work[id_], state) for id_, state in states.items() if state.closed}

    # --- whose turn it is

    def _drive(self, round_: "_Round", wait: bool) -> None:
        while True:
            self._clerk.sign_life()
            moved = [self._turn(round_, order) for order in round_.open()]
            if wait and not any(moved):
                # Falling back takes seconds of every core: only while there is nothing else to do.
                moved = [any(self._turn(round_, order, idle=True) for order in round_.open())]
            self._tell(round_)
            if round_.finished() if wait else not any(moved):
                return
            if not any(moved):
                self._rest(round_)

    def _turn(self, round_: "_Round", order: HostedOrder, *, idle: bool = False) -> bool:
        """Let an order take a step; return whether it did, and may take another one at once."""
        if order.id in self._due and self._clock() < self._due[order.id]:
            return False
        self._due.pop(order.id, None)
        try:
            moved = self._advance(round_, order, idle)
        except Overtaken:
            self._journal.refresh(order.id)
            return True
        except (TransientError, HostedRefusal) as error:
            self._back_off(order, error)
            return False
        except PropertyVideoError as error:
            self._give_back(order, is_driven=False)
            if order.id == round_.until:
                raise
            round_.stopped[order.id] = error
            self._say(f"{order.label}: {error}")
            return False
        if moved:
            self._troubles.pop(order.id, None)
        return moved

    def _rest(self, round_: "_Round") -> None:
        now = self._clock()
        due = [self._due.get(order.id, now) for order in round_.open()]
        wait = min((each - now).total_seconds() for each in due) if due else 0.0
        self._sleep(min(max(wait, 0.05), LONGEST_SLEEP_S))

    def _back_off(self, order: HostedOrder, error: PropertyVideoError) -> None:
        self._troubles[order.id] = self._troubles.get(order.id, 0) + 1
        asked = error.retry_after_s if isinstance(error, RateLimited) else None
        self._wait(order, asked or back_off_s(self._troubles[order.id]))

    def _wait(self, order: HostedOrder, seconds: float, latest: datetime | None = None) -> None:
        """Leave an order alone for a while, spread by a fifth either way, but not beyond `latest`."""
        due = self._clock() + timedelta(seconds=seconds * self._rng.uniform(0.8, 1.2))
        self._due[order.id] = min(due, latest) if latest is not None else due

    def _tell(self, round_: "_Round") -> None:
        progress = round_.progress(self._journal)
        if progress != round_.told:
            round_.told = progress
            self._on_progress(progress)

    # --- one step

    def _advance(self, round_: "_Round", order: HostedOrder, idle: bool) -> bool:
        if order.after in round_.stopped:
            raise round_.stopped[order.after]
        if not self._may_begin(order):
            self._wait(order, FOLLOW_S)
            return False
        if not self._clerk.owns(order.id):
            if self._slots is not None:  # another process was quicker, and has a slot of its own
                self._slots.free(self._slot_name(order))
            self._wait(order, FOLLOW_S)
            return False
        state = self._journal.state(order.id)
        before = self._clerk.seen(order.after) if order.after else None
        step = next_step(
            order, state, self._clock(), self._policy, before=before, shops=Shops(self._closed, self._held)
        )
        match step:
            case Done():
                round_.closed.add(order.id)
                for link in round_.open():
                    if link.after == order.id:
                        self._due.pop(link.id, None)
            case Wait():
                self._due[order.id] = step.until or self._clock() + timedelta(seconds=FOLLOW_S)
                return False
            case FallBack():
                if not idle:
                    return False
                output = self._hands.fall_back(order, step.reason)
                self._write(order, Fell(at=self._clock(), reason=step.reason, output=output))
            case Book():
                assert state.attempt is not None
                self._clear_away(state.attempt)
                self._clerk.do(order, step)
            case Note() | Begin() | Reserve():
                self._clerk.do(order, step)
            case _:
                assert state.attempt is not None
                moved = self._act(order, state.attempt, step, before.output if before is not None else "")
                self._give_back(order)
                return moved
        self._give_back(order)
        return True

    # --- slots

    def _may_begin(self, order: HostedOrder) -> bool:
        """Whether an order that nobody has begun has a slot: its patience runs from the time that it is begun.

        A link of a chain, and whatever comes after a first attempt, takes its slot when it is placed.
        """
        if (
            self._slots is None
            or not order.rungs
            or order.after
            or self._journal.state(order.id).claimed_at is not None
        ):
            return True
        provider = order.rungs[0].provider
        return provider not in self._services or self._slots.take(provider, self._slot_name(order))

    def _give_back(self, order: HostedOrder, *, is_driven: bool = True) -> None:
        """Free the order's slot when nothing of it is at its provider, nor will be at once.

        An order that is not driven any further needs it only for what was sent.
        """
        state = self._journal.state(order.id)
        stage = state.attempt.stage if state.attempt is not None else ""
        is_there = stage in AT_PROVIDER if not is_driven else stage not in GONE_FROM_PROVIDER
        if self._slots is not None and (state.closed or not is_there):
            self._slots.free(self._slot_name(order))

    def _slot_name(self, order: HostedOrder) -> str:
        return f"{self._journal.campaign}/{order.id}"

    def _act(self, order: HostedOrder, attempt: Attempt, step: Step, before: str) -> bool:
        """Carry out a step of the attempt that is under way."""
        match step:
            case Place():
                return self._place(order, attempt, step, before)
            case LookUp():
                return self._look_up(order, attempt, step)
            case Poll():
                return self._poll(order, attempt, step)
            case Cancel():
                return self._cancel(order, attempt)
            case Download():
                self._download(order, attempt)
            case Verify():
                self._verify(order, attempt)
            case _:
                raise AssertionError(step)
        return True

    def _write(self, order: HostedOrder, event: Event) -> None:
        self._journal.append(order.id, event)

    def _service(self, attempt: Attempt) -> PredictionApi:
        name = attempt.begun.provider
        if name not in self._services:
            raise TransientError(f"There is no access to {name}.", "Set its key and run again.")
        return self._services[name]

    # --- before the prediction is known

    def _place(self, order: HostedOrder, attempt: Attempt, step: Place, before: str) -> bool:
        rung, service = step.rung, self._service(attempt)
        name = self._slot_name(order)
        if self._slots is not None and not self._slots.take(rung.provider, name):
            self._wait(order, FOLLOW_S)
            return False
        try:
            inputs = self._inputs(order, attempt, rung, service, before)
            sent = self._clock()
            if self._slots is not None:
                self._slots.sending(name, step.cancel_after_s + self._policy.call_s + self._policy.stop_s)
            self._write(order, Sending(at=sent, inputs=inputs, cancel_after_s=step.cancel_after_s))
            if (self._clock() - sent).total_seconds() > self._policy.call_s / 2:
                raise TransientError("Writing it down took too long.")  # others may count on it to have arrived
            prediction = service.create(rung.model, rung.version, inputs, cancel_after_s=step.cancel_after_s)
        except AnswerLost:
            return True  # in doubt: what is written says so, and the next step is to look it up
        except HostedRefusal as error:
            self._shut(rung, error)
            self._write(order, Refused(at=self._clock(), by="provider", reason=_short(error)))
        except TransientError as error:
            self._hold(order, rung, error)
            return False
        else:
            self._write(order, Placed(at=self._clock(), prediction=prediction.id))
        return True

    def _inputs(
        self, order: HostedOrder, attempt: Attempt, rung: Rung, service: PredictionApi, before: str
    ) -> dict[str, Any]:
        """Everything that is sent: with a seed and addresses of files that only this intent has."""
        intent = attempt.begun.intent
        addresses = self._addresses.setdefault(intent, {})
        if set(addresses) != set(rung.files):
            files = self._hands.prepare(order, rung, before, self._folder)
            for name in rung.files:
                if name not in addresses:
                    file = files[name]
                    ref = self._shown(service, file, intent, name)
                    self._write(
                        order,
                        Uploaded(at=self._clock(), name=name, file_id=ref.id, address=ref.url, sha256=sha256_of(file)),
                    )
                    addresses[name] = ref.url
        seed = {rung.seed_key: seed_of(intent)} if rung.seed_key else {}
        return {**rung.inputs, **seed, **addresses}

    def _shown(self, service: PredictionApi, file: Path, intent: str, name: str) -> FileRef:
        """Where a provider finds a file: in the store, if it can be reached from outside, else with the provider."""
        key = keys.shown(intent, name, file.suffix)
        address = self._store.link(file, key)
        return FileRef(id=key, url=address) if address else service.upload(file, f"{intent}-{name}{file.suffix}")

    def _hold(self, order: HostedOrder, rung: Rung, error: TransientError) -> None:
        """No prediction was made. A provider that asks to wait is left alone by all orders."""
        self._troubles[order.id] = self._troubles.get(order.id, 0) + 1
        asked = error.retry_after_s if isinstance(error, RateLimited) else None
        pause = (asked or back_off_s(self._troubles[order.id])) * self._rng.uniform(1.0, 1.2)
        again = self._clock() + timedelta(seconds=pause)
        if isinstance(error, RateLimited):
            self._held[rung.provider] = again
        self._write(order, Unsent(at=self._clock(), reason=_short(error), again_at=again))

    def _shut(self, rung: Rung, error: HostedRefusal) -> None:
        """Ask a provider nothing more that refuses us, and for a model no more that it does not know."""
        shut = rung.provider if error.status in OUT_OF_SERVICE else rung.name if error.status == 404 else ""
        if shut and shut not in self._closed:
            self._closed[shut] = _short(error)
            self._say(f"{shut}: {error}")

    def _look_up(self, order: HostedOrder, attempt: Attempt, step: LookUp) -> bool:
        service, asked = self._service(attempt), self._clock()
        others = {each.prediction for id_ in self._journal.orders() for each in self._journal.state(id_).attempts} - {
            attempt.prediction
        }
        recent = [each for each in service.recent(step.since) if each.id not in others]
        ours = [each for each in recent if any(is_echo(sent, each.input) for sent in attempt.inputs)]
        if ours:
            self._adopt(order, attempt, service, ours)
        elif any(each.data_removed for each in recent):
            reason = "The answer was lost, and its prediction's input is removed already."
            self._write(order, Lost(at=asked, reason=reason))
        elif asked >= step.certain_at:
            self._write(order, Unsent(at=asked, reason="The request never arrived.", again_at=asked))
        else:
            self._wait(order, FOLLOW_S, latest=step.certain_at)
            return False
        return True

    def _adopt(self, order: HostedOrder, attempt: Attempt, service: PredictionApi, found: Sequence[Prediction]) -> None:
        """Take the oldest prediction that is of use for the attempt's own, and stop all others."""
        best, *others = sorted(found, key=lambda each: (each.status in TERMINAL - {"succeeded"}, each.created_at))
        begun = attempt.begun
        for other in others:
            ended = other if other.status in TERMINAL else service.cancel(other.id)
            cost = price_of(ended.status, ended.started, begun.price, begun.bills_time)
            self._write(order, Surplus(at=self._clock(), prediction=other.id, status=ended.status, cost=cost))
        self._write(order, Placed(at=self._clock(), prediction=best.id, adopted=True))

    # --- once it is known

    def _poll(self, order: HostedOrder, attempt: Attempt, step: Poll) -> bool:
        prediction = self._service(attempt).get(attempt.prediction)
        self._troubles.pop(order.id, None)
        if self._observe(order, attempt, prediction):
            return True
        assert attempt.sent_at is not None
        age_s = (self._clock() - attempt.sent_at).total_seconds()
        self._wait(order, poll_after_s(age_s), latest=step.deadline)
        return False

    def _cancel(self, order: HostedOrder, attempt: Attempt) -> bool:
        prediction = self._service(attempt).cancel(attempt.prediction)
        if self._observe(order, attempt, prediction):
            return True
        self._wait(order, FOLLOW_S)
        return False

    def _observe(self, order: HostedOrder, attempt: Attempt, prediction: Prediction) -> bool:
        """Write down what has changed about a prediction; return whether anything has."""
        started = attempt.started or prediction.started
        if (prediction.status, started) == (attempt.status, attempt.started):
            return False
        self._write(
            order,
            Observed(
                at=self._clock(),
                status=prediction.status,
                started=started,
                error=prediction.error[:LONGEST_ERROR],
                predict_time_s=prediction.predict_time_s,
            ),
        )
        return prediction.status in TERMINAL

    def _download(self, order: HostedOrder, attempt: Attempt) -> None:
        service, expect = self._service(attempt), attempt.begun.expect
        prediction = service.get(attempt.prediction)
        if prediction.data_removed:
            self._write(order, Gone(at=self._clock(), reason="Its output was removed before it could be fetched."))
            return
        url = _address(prediction.output)
        if not url:
            self._write(order, Rejected(at=self._clock(), raw="", reason="It succeeded without an output."))
            return
        into = self._folder / f"{attempt.begun.intent}-{len(attempt.rejects)}{_suffix(url, expect)}"
        try:
            service.download(url, into, limit_bytes=LIMIT_BYTES[expect], expect=expect)
        except OutputGone as error:
            self._write(order, Gone(at=self._clock(), reason=_short(error)))
            return
        except DeliveryBroken as error:
            if not error.digest or self._broken.get(attempt.begun.intent) != error.digest:
                self._broken[attempt.begun.intent] = error.digest
                raise
            reason = f"{_short(error)} (fetched twice, the same)"  # it is broken where it lies
            self._write(order, Rejected(at=self._clock(), raw="", reason=reason))
            return
        self._write(order, Downloaded(at=self._clock(), raw=self._store.adopt(into).key))

    def _verify(self, order: HostedOrder, attempt: Attempt) -> None:
        try:
            raw = self._store.media_path(attempt.raw)
        except MissingMedia as error:
            self._write(order, Rejected(at=self._clock(), raw="", reason=_short(error)))
            return
        try:
            output = self._hands.verify(order, attempt, raw)
        except BadOutput as error:
            self._write(order, Rejected(at=self._clock(), raw=attempt.raw, reason=_short(error)))
        else:
            self._write(order, Settled(at=self._clock(), output=output))

    def _clear_away(self, attempt: Attempt) -> None:
        """Delete an ended attempt's files, if that can be had; a provider itself does within a day.

        What is lost may still run, and need them.
        """
        self._addresses.pop(attempt.begun.intent, None)
        if attempt.stage == "lost":
            return
        service = self._services.get(attempt.begun.provider)
        for file_id in attempt.files:
            with suppress(TransientError, HostedRefusal, AnswerLost):
                if keys.is_shown(file_id):
                    self._store.remove(file_id)
                elif service is not None:
                    service.delete_file(file_id)


class _Round:
    """What one call of `run` has to do, and how far it is."""

    def __init__(self, work: Mapping[str, HostedOrder], until: str | None) -> None:
        self.work, self.until = work, until
        self.closed: set[str] = set()
        self.stopped: dict[str, PropertyVideoError] = {}
        self.told: Progress | None = None

    def open(self) -> list[HostedOrder]:
        """The orders that may still take a step."""
        return [order for id_, order in self.work.items() if id_ not in self.closed and id_ not in self.stopped]

    def finished(self) -> bool:
        """Whether what is waited for has come.

        Raises:
            PropertyVideoError: nothing can move any more, because this stopped.
        """
        if self.until is not None and self.until in self.closed:
            return True
        if self.open():
            return False
        if self.stopped:
            raise next(iter(self.stopped.values()))
        return True

    def progress(self, journal: Journal) -> Progress:
        """How the orders stand that somebody wants."""
        states = {order.label: journal.state(id_) for id_, order in self.work.items() if not order.withdrawn}
        return Progress(
            loading=tuple(label for label, state in states.items() if not state.closed),
            done=tuple(label for label, state in states.items() if state.closed and state.fell is None),
            failed=tuple(label for label, state in states.items() if state.fell is not None),
        )


def strays(journal: Journal, wanted: Iterable[HostedOrder]) -> tuple[HostedOrder, ...]:
    """Orders of the campaign that are under way and that its film, as it is wanted now, has no use for.

    Give them to the pump beside the others: their predictions are stopped and booked, not forgotten.
    """
    known = {order.id for order in wanted}
    left = [id_ for id_ in journal.orders() if id_ not in known and not journal.refresh(id_).closed]
    return tuple(withdrawn(id_, journal.campaign) for id_ in left if journal.state(id_).attempt is not None)


def _address(output: Any) -> str:
    """The address in a prediction's output: a text, or the first of a list of texts; "" where there is none."""
    first = output[0] if isinstance(output, list) and output else output
    return first if isinstance(first, str) and first.startswith(("http://", "https://")) else ""


def _suffix(url: str, expect: Medium) -> str:
    found = PurePosixPath(urlsplit(url).path).suffix.lower()
    return found if found in SUFFIXES[expect] else SUFFIXES[expect][0]


def _short(error: PropertyVideoError) -> str:
    return error.reason[:LONGEST_ERROR]
