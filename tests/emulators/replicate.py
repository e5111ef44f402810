"""Replicate on loopback: its API, its Files API, its delivery host, its models and its bill.

It behaves as the service is documented and recorded to (reference: the provider's OpenAPI, client recordings, real
error bodies), reads what models take and cost from the data file on its own, and turns every kind of trouble on demand.
What a client must never do is written down in `violations`.

    with ReplicateEmulator(folder) as service:
        ReplicateApi(service.token, service.url)

    python -m emulators.replicate --folder /tmp/emulator     (from tests/; prints what to export)
"""

import argparse
import base64
import contextlib
import email
import email.policy
import hashlib
import json
import math
import random
import re
import socket
import string
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import yaml

from emulators import outputs
from emulators.chaos import Knob, Knobs

MODELS_FILE = Path(__file__).parents[2] / "property_video/providers/models.yaml"

TOKEN = "r8_emulated0token0for0loopback0only00000"
RETENTION_S = 3600.0
FILE_RETENTION_S = 24 * 3600.0
MOST_FILE_BYTES = 100_000_000
TERMINAL = {"succeeded", "failed", "canceled", "aborted"}
IDS = string.ascii_lowercase + string.digits

INVALID_INPUT = "The input was invalid. Please check your input and try again. (E006)"
NO_CREDIT = (
    "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase "
    "credit."
)
THROTTLED = (
    "Request was throttled. Your rate limit for creating predictions is reduced to 6 requests per minute with a burst "
    "of 1 requests while you have less than $5.0 in credit. Your rate limit resets in ~{seconds}s."
)


@dataclass
class Account:
    token: str
    credit_usd: float = math.inf
    low_credit: bool = False
    refused_for_credit: bool = False


@dataclass
class Charge:
    """One line of the bill."""

    prediction: str
    model: str
    usd: float
    why: str


@dataclass
class Prediction:
    id: str
    account: Account
    model: str
    version: str
    input: dict[str, Any]
    created: float
    queue_s: float
    run_s: float
    deadline: float
    fate: dict[str, Any]
    status: str = "starting"
    started: float | None = None
    completed: float | None = None
    output: Any = None
    files: list[str] = field(default_factory=list)
    error: str | None = None
    logs: str = ""
    cancelled_by_client: bool = False
    expired: bool = False
    fetched: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class File:
    id: str
    name: str
    data: bytes
    content_type: str
    created: float
    expired: bool = False


@dataclass
class Delivery:
    prediction: Prediction
    path: Path
    content_type: str


@dataclass
class Call:
    """One request, as the service saw it."""

    at: float
    route: str
    method: str
    path: str
    model: str = ""
    status: int = 0


class Answer(Exception):
    """What a request is answered with; raised to end its handling early."""

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}


class Bucket:
    """A token bucket: `rate` a second, at most `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.level, self.at = rate, burst, burst, -math.inf

    def take(self, now: float) -> float:
        """0, or the seconds until the next one."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate) if self.at > -math.inf else self.burst
        self.at = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate


@cache
def load_models() -> dict[str, dict[str, Any]]:
    """Video and music models by slug, as the data file has them."""
    data = yaml.safe_load(MODELS_FILE.read_text(encoding="utf-8"))
    return {
        slug: {**fields, "kind": kind, "slug": slug}
        for kind in ("video", "music")
        for slug, fields in data[kind].items()
    }


class ReplicateEmulator:
    """The service. Times in which models queue and run are divided by `speed`; all others are real seconds.

    `scale` shrinks the pictures that models make, for tests that care about money and not about pixels.
    `reachable` are hosts ("127.0.0.1:9000") that count as being on the internet, for presigned links of a local store.
    """

    def __init__(
        self,
        folder: Path,
        *,
        speed: float = 200.0,
        scale: float = 1.0,
        clock: Callable[[], float] = time.time,
        unknown_keys: str = "reject",
        lenient_official: bool = False,
        allow_http_webhooks: bool = False,
        reachable: tuple[str, ...] = (),
        credit_usd: float = math.inf,
        low_credit: bool = False,
        port: int = 0,
    ) -> None:
        self.folder, self.speed, self.scale, self.reachable = folder, speed, scale, reachable
        self.unknown_keys, self.lenient_official = unknown_keys, lenient_official
        self.allow_http_webhooks = allow_http_webhooks
        self._clock, self._skew = clock, 0.0
        self.models = load_models()
        self.knobs = Knobs()
        self.account = Account(TOKEN, credit_usd, low_credit)
        self.accounts = {TOKEN: self.account}
        self.predictions: dict[str, Prediction] = {}
        self.files: dict[str, File] = {}
        self.deleted_files: list[str] = []
        self.deliveries: dict[str, Delivery] = {}
        self.bill: list[Charge] = []
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.webhooks: list[str] = []
        self.price_factor: dict[str, float] = {}
        self.list_lag_s = 0.0
        self.signature = ""  # of links that the service gives: they then carry it in their queries
        self.drift: dict[str, list[tuple[str, str, Any]]] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._addresses: set[str] = set()
        self._hashes: dict[str, dict[str, str]] = {}
        self._ids = random.Random(20261121)
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._servers = [
            _Server(("127.0.0.1", port), _api_handler(self)),
            _Server(("127.0.0.1", 0), _output_handler(self)),
        ]
        self.url, self.delivery_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)
        self.token = TOKEN

    def __enter__(self) -> "ReplicateEmulator":
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    # -- what tests ask and turn ---------------------------------------------------------------------------------------

    def now(self) -> float:
        return self._clock() + self._skew

    def advance(self, seconds: float) -> None:
        """Let time pass for the service alone."""
        self._skew += seconds

    def knob(self, kind: str, **how: Any) -> Knob:
        """Turn a knob; see `emulators.chaos.Knob` and the routes below."""
        return self.knobs.turn(kind, **how)

    def settle_all(self) -> None:
        """Bring every prediction to where it is by now."""
        for prediction in list(self.predictions.values()):
            self.bring_forward(prediction, wait=True)

    def spent_usd(self) -> float:
        """What the account owes."""
        self.settle_all()
        return round(sum(charge.usd for charge in self.bill), 6)

    def created(self, model: str = "") -> list[Prediction]:
        return [each for each in self.predictions.values() if not model or each.model == model]

    def paid_twice(self) -> list[list[str]]:
        """Ids of predictions that were paid for the same work: same model, same words, same photos."""
        self.settle_all()
        paid = {charge.prediction for charge in self.bill}
        groups: dict[str, list[str]] = {}
        for prediction in self.predictions.values():
            if prediction.id in paid:
                groups.setdefault(self._work(prediction), []).append(prediction.id)
        return [ids for ids in groups.values() if len(ids) > 1]

    def orphans(self) -> list[str]:
        """Ids of predictions that succeeded and whose output nobody ever fetched."""
        self.settle_all()
        return [each.id for each in self.predictions.values() if each.status == "succeeded" and not each.fetched]

    def stopped_by_deadline(self) -> list[str]:
        """Ids of predictions that the service had to stop itself, because nobody cancelled them in time."""
        self.settle_all()
        stopped = {"canceled", "aborted"}
        return [
            each.id for each in self.predictions.values() if each.status in stopped and not each.cancelled_by_client
        ]

    def left_files(self) -> list[str]:
        """Files that were uploaded and never deleted."""
        return sorted(self.files)

    def expire(self, prediction: str) -> None:
        """Remove a prediction's data now, as the hour would."""
        self._remove_data(self.predictions[prediction])

    def expire_file(self, file: str) -> None:
        self.files[file].expired = True

    def state(self) -> dict[str, Any]:
        """Everything that a demonstration or a test in another process wants to know."""
        self.settle_all()
        return {
            "predictions": [
                {
                    "id": each.id,
                    "model": each.model,
                    "status": each.status,
                    "error": each.error,
                    "fetched": each.fetched,
                }
                for each in self.predictions.values()
            ],
            "bill": [charge.__dict__ for charge in self.bill],
            "spent_usd": self.spent_usd(),
            "violations": self.violations,
            "paid_twice": self.paid_twice(),
            "orphans": self.orphans(),
            "left_files": self.left_files(),
        }

    # -- one request ---------------------------------------------------------------------------------------------------

    def answer(self, call: Call, headers: Any, body: bytes) -> tuple[Answer, dict[str, Any]]:
        """The answer to an API request, and the trouble to make while sending it."""
        with self._lock:
            self.calls.append(call)
        trouble = self.knobs.strike(call.route, call.model)
        if "drop_before_commit" in trouble:
            return Answer(0), trouble
        try:
            self._troubled(trouble)
            answer = self._route(call, headers, body)
        except Answer as early:
            answer = early
        if answer.status in {200, 201} and isinstance(answer.body, dict):
            _misshape(answer.body, trouble)
        call.status = answer.status
        return answer, trouble

    def _troubled(self, trouble: dict[str, Any]) -> None:
        """Raise the error that a knob wants, before anything is done."""
        if "status" in trouble:
            status, detail = trouble["status"] if isinstance(trouble["status"], tuple) else (trouble["status"], "")
            raise _problem(status, detail or f"Emulated {status}.")
        if "502_html" in trouble:
            raise Answer(502, "<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"})
        if "error_as_list" in trouble:
            raise Answer(trouble["error_as_list"] or 400, ["Something is wrong."])
        if "throttle" in trouble:
            wait = trouble["throttle"]
            said = {} if wait is None else {"Retry-After": str(wait)}
            raise _problem(429, "Request was throttled. Expected available in 1 second.", headers=said)

    def _route(self, call: Call, headers: Any, body: bytes) -> Answer:
        if call.path.startswith("/_emu/"):
            return self._control(call, body)
        account = self._account(headers)
        self._throttle(account, call.route)
        parts = urlsplit(call.path)
        steps = parts.path.strip("/").split("/")[1:]
        match (call.method, *steps):
            case ("POST", "models", owner, name, "predictions"):
                return self._create(account, f"{owner}/{name}", None, headers, body)
            case ("POST", "predictions"):
                return self._create(account, None, "", headers, body)
            case ("GET", "predictions"):
                return self._list(account, parse_qs(parts.query))
            case ("GET", "predictions", known):
                return Answer(200, self._shown(self._prediction(account, known)))
            case ("POST", "predictions", known, "cancel"):
                return self._cancel(self._prediction(account, known))
            case ("POST", "files"):
                return self._upload(headers, body)
            case ("GET", "files"):
                return Answer(200, {"results": [self._file(each) for each in self.files.values()]})
            case ("GET", "files", known) if known in self.files:
                return Answer(200, self._file(self.files[known]))
            case ("DELETE", "files", known) if known in self.files:
                del self.files[known]
                self.deleted_files.append(known)
                return Answer(204)
            case (_, "files", _):
                raise _problem(404, "File not found")
            case ("GET", "models", owner, name):
                return Answer(200, self._published(f"{owner}/{name}"))
            case ("GET", "models", owner, name, "versions", _):
                return Answer(200, self._published(f"{owner}/{name}")["latest_version"])
            case ("GET", "account"):
                return Answer(200, {"type": "user", "username": "emulated", "name": "Emulated", "github_url": ""})
        raise _problem(404, "Not found")

    def _control(self, call: Call, body: bytes) -> Answer:
        """The control plane, for other processes."""
        asked = json.loads(body or b"{}")
        match call.path.removeprefix("/_emu/"):
            case "state":
                return Answer(200, self.state())
            case "knobs":
                nth = asked.pop("nth", ())
                self.knob(asked.pop("kind"), nth=tuple(nth) if isinstance(nth, list) else nth, **asked)
                return Answer(200, {})
            case "advance":
                self.advance(float(asked["seconds"]))
                return Answer(200, {})
        return Answer(404, {})

    def _account(self, headers: Any) -> Account:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme not in {"Bearer", "Token"} or token not in self.accounts:
            raise _problem(401, "You did not pass a valid authentication token", title="Unauthenticated")
        return self.accounts[token]

    def _throttle(self, account: Account, route: str) -> None:
        kind = "create" if route == "create" else "other"
        rate, burst = (600, 60) if kind == "create" else (3000, 600)
        if kind == "create" and account.low_credit:
            rate, burst = 6, 1
        with self._lock:
            bucket = self._buckets.setdefault((account.token, kind), Bucket(rate / 60, burst))
            wait = bucket.take(self.now())
        if wait:
            seconds = math.ceil(wait)
            detail = (
                THROTTLED.format(seconds=seconds) if account.low_credit else f"Expected available in {seconds} second."
            )
            raise _problem(429, detail, retry_after=seconds, headers={"Retry-After": str(seconds)})

    # -- predictions ---------------------------------------------------------------------------------------------------

    def _create(self, account: Account, model: str | None, version: str | None, headers: Any, body: bytes) -> Answer:
        asked = json.loads(body)
        strange = set(asked) - {"input", "version", "webhook", "webhook_events_filter", "stream"}
        if strange:
            raise _problem(
                422, f"- Additional property {sorted(strange)[0]} is not allowed\n", title="Input validation failed"
            )
        if not isinstance(asked.get("input"), dict):
            raise _problem(422, "- input is required\n", title="Input validation failed")
        if model is None:
            model, version = self._by_version(asked.get("version"))
        elif model not in self.models or (self.models[model].get("version") and not self.lenient_official):
            raise _problem(404, "The requested resource could not be found.")
        if "webhook" in asked:
            self.webhooks.append(str(asked["webhook"]))
        if asked.get("webhook", "https://").startswith("http://") and not self.allow_http_webhooks:
            raise _problem(422, "- webhook: must be an HTTPS URL\n", title="Input validation failed")
        prefer = headers.get("Prefer")
        if prefer is not None and not re.fullmatch(r"wait(=([1-9]|[1-5][0-9]|60))?", prefer):
            raise _problem(422, "Invalid Prefer header")
        lifetime = _lifetime(headers.get("Cancel-After"))
        if account.refused_for_credit:
            self._violated(f"a create after 402: {model}")
        if account.credit_usd <= 0:
            account.refused_for_credit = True
            raise _problem(
                402,
                NO_CREDIT,
                title="Insufficient credit",
            )
        self._validate(self.models[model], asked["input"])
        self._watch_input(self.models[model], asked["input"])
        with self._lock:
            fate = self.knobs.strike("run", model)
            queue_s, run_s = _times(model)
            prediction = Prediction(
                id="".join(self._ids.choices(IDS, k=26)),
                account=account,
                model=model,
                version=version or "hidden",
                input=asked["input"],
                created=self.now(),
                queue_s=math.inf if fate.get("hang_in_state") == "starting" else queue_s / self.speed,
                run_s=math.inf if fate.get("hang_in_state") == "processing" else run_s / self.speed,
                deadline=math.inf if "no_deadline" in fate else self.now() + lifetime,
                fate=fate,
            )
            self.predictions[prediction.id] = prediction
            self._hashes[prediction.id] = self._contents(asked["input"])
        return Answer(201, self._shown(prediction), {"ratelimit-remaining": "599", "ratelimit-reset": "1"})

    def _by_version(self, version: Any) -> tuple[str, str]:
        for slug, model in self.models.items():
            own = model.get("version")
            if own and version in {own, f"{slug}:{own}"}:
                return slug, own
            if not own and version == slug:
                return slug, "hidden"
        raise _problem(
            422,
            "The specified version does not exist (or perhaps you don't have permission to use it?)",
            title="Invalid version or not permitted",
        )

    def _prediction(self, account: Account, known: str) -> Prediction:
        prediction = self.predictions.get(known)
        if prediction is None or prediction.account is not account:
            raise _problem(404, "The requested resource could not be found.")
        self.bring_forward(prediction)
        return prediction

    def _list(self, account: Account, query: dict[str, list[str]]) -> Answer:
        after = query.get("created_after", [""])[0]
        begin = int(base64.urlsafe_b64decode(query.get("cursor", ["MA=="])[0]))
        oldest = datetime.fromisoformat(after).timestamp() if after else 0.0
        with self._lock:
            mine = [each for each in self.predictions.values() if each.account is account]
        seen = [each for each in mine if oldest <= each.created <= self.now() - self.list_lag_s]
        seen.sort(key=lambda each: -each.created)
        page = seen[begin : begin + 100]
        for each in page:
            self.bring_forward(each)
        following = None
        if begin + 100 < len(seen):
            cursor = base64.urlsafe_b64encode(str(begin + 100).encode()).decode()
            following = f"{self.url}/v1/predictions?cursor={cursor}" + (f"&created_after={after}" if after else "")
        return Answer(200, {"next": following, "previous": None, "results": [self._shown(each) for each in page]})

    def _cancel(self, prediction: Prediction) -> Answer:
        with prediction.lock:
            if prediction.status not in TERMINAL:
                prediction.cancelled_by_client = True
                self._end(prediction, "canceled", self.now())
        return Answer(200, {**self._shown(prediction), "logs": None})

    def _shown(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as the API gives it."""
        urls = {
            part: f"{self.url}/v1/predictions/{prediction.id}{end}"
            for part, end in (("get", ""), ("cancel", "/cancel"))
        }
        ran = prediction.completed - prediction.started if prediction.started and prediction.completed else None
        removed = prediction.expired
        return {
            "id": prediction.id,
            "model": prediction.model,
            "version": prediction.version,
            "input": {} if removed else prediction.input,
            "output": None if removed else prediction.output,
            "logs": None if removed else prediction.logs,
            "data_removed": removed,
            "error": prediction.error,
            "status": prediction.status,
            "source": "api",
            "created_at": _stamp(prediction.created),
            "started_at": _stamp(prediction.started),
            "completed_at": _stamp(prediction.completed),
            "deadline": _stamp(prediction.deadline) if math.isfinite(prediction.deadline) else None,
            "urls": {**urls, "web": f"https://replicate.com/p/{prediction.id}"},
            "metrics": {} if ran is None else {"predict_time": ran * self.speed, "total_time": ran * self.speed},
        }

    def bring_forward(self, prediction: Prediction, *, wait: bool = False) -> None:
        """Let a prediction be where it is by now. Who comes while its output is being made sees it still running."""
        if not prediction.lock.acquire(blocking=wait):
            return
        try:
            now = self.now()
            if prediction.status == "starting" and "aborted" in prediction.fate:
                self._end(prediction, "aborted", now)
            begin = prediction.created + prediction.queue_s
            if prediction.status == "starting":
                if prediction.deadline <= min(begin, now):
                    self._end(prediction, "aborted", prediction.deadline)
                elif now >= begin:
                    prediction.status, prediction.started = "processing", begin
            if prediction.status == "processing" and prediction.started is not None:
                end = prediction.started + prediction.run_s
                if prediction.deadline <= min(end, now):
                    self._end(prediction, "canceled", prediction.deadline)
                elif now >= end:
                    self._run(prediction, end)
            if prediction.completed is not None and now >= prediction.completed + RETENTION_S:
                self._remove_data(prediction)
        finally:
            prediction.lock.release()

    def _run(self, prediction: Prediction, end: float) -> None:
        """Make a prediction's output, or let it fail."""
        fate = prediction.fate
        try:
            if "fail" in fate:
                raise ValueError(fate["fail"])
            made = self._make(prediction)
        except ValueError as error:
            prediction.error = str(error)
            self._end(prediction, "failed", end)
            return
        prediction.output = fate.get("output", made)
        self._end(prediction, "succeeded", end)

    def _end(self, prediction: Prediction, status: str, at: float) -> None:
        prediction.status, prediction.completed = status, at
        ran = prediction.started is not None
        time_billed = self.models[prediction.model].get("per") == "gpu_second"
        if status == "succeeded" or (status == "canceled" and ran) or (status == "failed" and time_billed):
            usd = self.price(prediction.model, prediction.input)
            with self._lock:
                self.bill.append(Charge(prediction.id, prediction.model, usd, status))
                prediction.account.credit_usd -= usd

    def price(self, model: str, sent: dict[str, Any]) -> float:
        """What one prediction costs, from the data file and from what was sent: what is not said costs its default."""
        facts, names = self.models[model], self.models[model]["inputs"]
        length = sent.get(names.get("length", ""))
        if facts["kind"] == "music":
            unit = 1000 if facts.get("lengths", {}).get("unit") == "milliseconds" else 1
            seconds = facts.get("always_s") or (length or facts["lengths"]["most"]) / unit
            usd = (
                facts["usd"] * {"run": 1, "second": seconds, "gpu_second": facts.get("assumed_gpu_s", 0)}[facts["per"]]
            )
        else:
            size = facts["sizes"][sent.get(names.get("size", ""), list(facts["sizes"])[-1])]
            length = length or _lengths(facts)[-1]
            usd = size["usd"][length] if isinstance(size["usd"], dict) else size["usd"]
            seconds = length / facts["fps"] if facts["lengths"].get("unit") == "frames" else length
            usd = usd * seconds if facts["per"] == "second" else usd
            sound = facts.get("sound")
            if sound and sent.get(names.get("sound", ""), sound["by_default"]):
                usd *= sound["usd_factor"]
        return round(usd * self.price_factor.get(model, 1.0), 6)

    def _remove_data(self, prediction: Prediction) -> None:
        prediction.expired = True
        for name in prediction.files:
            self.deliveries.pop(name, None)

    # -- outputs -------------------------------------------------------------------------------------------------------

    def _make(self, prediction: Prediction) -> Any:
        """Files of a prediction, and their address; ValueError with the model's words where it fails."""
        model, sent, names = self.models[prediction.model], prediction.input, self.models[prediction.model]["inputs"]
        files = {key: self._fetch(value) for key, value in sent.items() if _is_address(value)}
        if model["kind"] == "music":
            data, kind = self._make_music(model, sent, files)
        else:
            data, kind = self._make_video(model, sent, names, files, prediction.fate)
        name = f"{prediction.id}/output.{'mp4' if kind == 'video/mp4' else kind.split('/')[1]}"
        self.deliveries[name] = Delivery(prediction, data, kind)
        prediction.files.append(name)
        return self._signed(f"{self.delivery_url}/delivery/{name}")

    def _signed(self, link: str) -> str:
        return f"{link}?signature={self.signature}" if self.signature else link

    def _make_video(
        self,
        model: dict[str, Any],
        sent: dict[str, Any],
        names: dict[str, str],
        files: dict[str, bytes],
        fate: dict[str, Any],
    ) -> tuple[Path, str]:
        first, last = files.get(names["first"]), files.get(names.get("last", ""))
        if last is not None and first is None:
            raise ValueError("A last frame needs a first frame.")
        for photo in (first, last):
            if photo is not None:
                self._check_photo(photo)
        size = model["sizes"][sent.get(names.get("size", ""), list(model["sizes"])[-1])]
        if size.get("lengths") and sent[names["length"]] not in size["lengths"]:
            raise ValueError(f"{sent[names['length']]} s is not supported at this resolution.")
        pixels = tuple(max(64, round(side * self.scale / 2) * 2) for side in size["pixels"])
        length = sent.get(names["length"], _lengths(model)[-1])
        frames = length if model["lengths"].get("unit") == "frames" else round(length * model["fps"])
        if fate.get("clip") == "garbage":
            path = self.folder / "garbage.mp4"
            path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + b"no film at all " * 400)
            return path, "video/mp4"
        sound = model.get("sound")
        loud = bool(sound and sent.get(names.get("sound", ""), sound["by_default"]))
        fated = str(fate.get("clip", ""))
        return outputs.clip(first, last, pixels, frames, model["fps"], self.folder, sound=loud, fate=fated), "video/mp4"

    def _check_photo(self, photo: bytes) -> None:
        try:
            (width, height), has_exif = outputs.picture_facts(photo)
        except ValueError:
            raise ValueError(INVALID_INPUT) from None
        if has_exif:
            self._violated("a photo was sent with EXIF")
        if min(width, height) < 300 or not 0.4 <= width / height <= 2.5:
            raise ValueError(INVALID_INPUT)

    def _make_music(self, model: dict[str, Any], sent: dict[str, Any], files: dict[str, bytes]) -> tuple[Path, str]:
        names = model["inputs"]
        seed = int(hashlib.sha256(str(sent.get("prompt")).encode()).hexdigest()[:6], 16) + int(sent.get("seed") or 0)
        length = sent.get(names.get("length", ""), model.get("always_s"))
        if model["slug"] == "elevenlabs/music":
            return self._kept(outputs.mp3(outputs.tone(length / 1000, 44_100, seed), 44_100), "mp3"), "audio/mpeg"
        if model["slug"] != "meta/musicgen":
            return self._kept(outputs.wav(outputs.tone(length, 44_100, seed), 44_100), "wav"), "audio/wav"
        context = self._context(sent, files)
        if len(context) > 32_000 * min(length, 30):
            raise ValueError("Prompt is longer than audio to generate")
        fresh = outputs.tone(length - len(context) / 32_000, 32_000, seed)
        if sent.get("normalization_strategy", "loudness") == "loudness":
            fresh = fresh * 2.5
        joined = [context, fresh] if len(context) else [fresh]
        return self._kept(outputs.wav(_joined(joined), 32_000), "wav"), "audio/wav"

    def _context(self, sent: dict[str, Any], files: dict[str, bytes]) -> Any:
        """The part of the given recording that MusicGen goes on from."""
        if not sent.get("prompt") and "input_audio" not in files:
            raise ValueError("Must provide either prompt or input_audio")
        if not sent.get("continuation"):
            return ()
        if "input_audio" not in files:
            raise ValueError("Must provide `input_audio` if continuation is `True`.")
        try:
            heard = outputs.heard(files["input_audio"], 32_000)
        except ValueError:
            raise ValueError(INVALID_INPUT) from None
        begin, end = sent.get("continuation_start", 0), sent.get("continuation_end")
        if end is not None and begin > end:
            raise ValueError("`continuation_start` must be less than or equal to `continuation_end`")
        return heard[begin * 32_000 : None if end is None else end * 32_000]

    def _kept(self, data: bytes, ending: str) -> Path:
        path = self.folder / f"{hashlib.sha256(data).hexdigest()[:24]}.{ending}"
        if not path.exists():
            path.write_bytes(data)
        return path

    def _fetch(self, address: str) -> bytes:
        """What a model's worker gets from an input's address; ValueError (E006) where it gets nothing."""
        if address.startswith("data:"):
            head, _, data = address.partition(",")
            with contextlib.suppress(ValueError):
                return base64.b64decode(data, validate=True) if head.endswith(";base64") else data.encode()
            raise ValueError(INVALID_INPUT)
        own = address.removeprefix(f"{self.url}/v1/files/")
        if own != address:
            file = self._named(own)
            if file is None or file.expired or self.now() > file.created + FILE_RETENTION_S:
                raise ValueError(INVALID_INPUT)
            return file.data
        if urlsplit(address).netloc not in self.reachable:
            self._violated(f"an address that nobody on the internet can reach: {urlsplit(address).netloc}")
            raise ValueError(INVALID_INPUT)
        try:
            with urlopen(Request(address), timeout=10) as response:
                data = response.read(MOST_FILE_BYTES + 1)
                if response.status != 200 or "text/html" in response.headers.get("Content-Type", ""):
                    raise ValueError(INVALID_INPUT)
        except OSError:
            raise ValueError(INVALID_INPUT) from None
        if len(data) > MOST_FILE_BYTES:
            raise ValueError(INVALID_INPUT)
        return data

    def _named(self, address: str) -> File | None:
        """The uploaded file that an address names."""
        return self.files.get(urlsplit(address).path.rsplit("/", 1)[-1])

    def _contents(self, sent: dict[str, Any]) -> dict[str, str]:
        """Hashes of the uploaded files that an input names, by key."""
        files = {key: self._named(str(value)) for key, value in sent.items()}
        return {key: hashlib.sha256(file.data).hexdigest() for key, file in files.items() if file}

    def _work(self, prediction: Prediction) -> str:
        """What a prediction was asked for, whatever its files are called and whatever its seed."""
        seed = self.models[prediction.model]["inputs"].get("seed")
        photos = self._hashes.get(prediction.id, {})
        asked = {key: photos.get(key, value) for key, value in prediction.input.items() if key != seed}
        return json.dumps([prediction.model, asked], sort_keys=True)

    # -- what is checked -----------------------------------------------------------------------------------------------

    def _validate(self, model: dict[str, Any], sent: dict[str, Any]) -> None:
        """422 in the words of the real validator, all problems at once."""
        schema = self.input_schema(model["slug"])
        problems: list[tuple[str, str, str]] = []
        for key in schema["required"]:
            if key not in sent:
                problems.append(("required", "input", f"{key} is required"))
        for key, value in sent.items():
            rule = schema["properties"].get(key)
            if rule is None:
                self._violated(f"{model['slug']} has no input {key}")
                if self.unknown_keys == "reject":
                    problems.append(
                        ("additional_property_not_allowed", "input", f"Additional property {key} is not allowed")
                    )
                continue
            problems += [(kind, f"input.{key}", text) for kind, text in _broken(rule, key, value)]
        if problems:
            detail = "".join(f"- {where}: {text}\n" for _, where, text in problems)
            fields = [{"type": kind, "field": where, "description": text} for kind, where, text in problems]
            raise _problem(422, detail, title="Input validation failed", invalid_fields=fields)

    def _watch_input(self, model: dict[str, Any], sent: dict[str, Any]) -> None:
        """Note what the service would let pass and a careful client does not do."""
        names = model["inputs"]
        sound = names.get("sound")
        if sound and sound not in sent:
            self._violated(f"{model['slug']}: sound was not switched off")
        for word in ("length", "size"):
            if names.get(word) and names[word] not in sent:
                self._violated(f"{model['slug']}: {names[word]} decides the price and was not said")
        photos = []
        for key, value in sent.items():
            if not _is_address(value):
                continue
            if value.startswith("data:") and len(value) > 256_000:
                self._violated(f"{model['slug']}: a data URI of {len(value)} bytes")
            with self._lock:
                if value in self._addresses:
                    self._violated(f"{model['slug']}: an address was used twice")
                self._addresses.add(value)
            file = self._named(value)
            if file is not None and key in {names.get("first"), names.get("last")}:
                with contextlib.suppress(ValueError):
                    photos.append(outputs.picture_facts(file.data)[0])
        if len(set(photos)) > 1:
            self._violated(f"{model['slug']}: first and last photo differ in size: {photos}")

    def _violated(self, what: str) -> None:
        with self._lock:
            self.violations.append(what)

    def input_schema(self, slug: str) -> dict[str, Any]:
        """A model's input as JSON Schema, with the drift that a test has asked for."""
        model = self.models[slug]
        names = model["inputs"]
        properties: dict[str, Any] = {}
        for word, key in names.items():
            properties[key] = _rule(model, word)
        for key, value in model.get("fixed", {}).items():
            properties[key] = {"type": _json_type(value), "default": value}
        for key in model.get("others", []):
            properties[key] = {}
        if slug == "meta/musicgen":
            properties["continuation"] = {"type": "boolean", "default": False}
            for key in ("continuation_start", "continuation_end"):
                properties[key] = {"type": "integer", "minimum": 0}
        required = [names["prompt"], *model.get("required", [])]
        for change, key, value in self.drift.get(slug, []):
            match change:
                case "add":
                    properties[key] = value
                case "remove":
                    properties.pop(key, None)
                case "default":
                    properties[key] = {**properties[key], "default": value}
                case "require":
                    properties[key], required = value, [*required, key]
        return {"type": "object", "properties": properties, "required": required}

    def _published(self, slug: str) -> dict[str, Any]:
        """A model as `GET /v1/models/…` gives it: enums stand apart and are referred to, as the real ones do."""
        if slug not in self.models:
            raise _problem(404, "The requested resource could not be found.")
        schema = json.loads(json.dumps(self.input_schema(slug)))
        schemas: dict[str, Any] = {"Input": schema, "Output": {"type": "string", "format": "uri"}}
        for key, rule in schema["properties"].items():
            if "enum" in rule:
                schemas[key] = {"title": key, "type": rule["type"], "enum": rule.pop("enum")}
                rule.pop("type")
                rule["allOf"] = [{"$ref": f"#/components/schemas/{key}"}]
        owner, name = slug.split("/")
        version = self.models[slug].get("version") or hashlib.sha256(slug.encode()).hexdigest()
        published = {
            "openapi": "3.0.2",
            "info": {"title": "Cog", "version": "0.1.0"},
            "components": {"schemas": schemas},
        }
        newest = {"id": version, "created_at": _stamp(0.0), "cog_version": "0.9", "openapi_schema": published}
        return {
            "url": f"https://replicate.com/{slug}", "owner": owner, "name": name, "description": "", "run_count": 1,
            "visibility": "public", "github_url": None, "paper_url": None, "license_url": None, "cover_image_url": None,
            "default_example": None, "is_official": "version" not in self.models[slug], "latest_version": newest,
        }  # fmt: skip

    # -- files ---------------------------------------------------------------------------------------------------------

    def _upload(self, headers: Any, body: bytes) -> Answer:
        if len(body) > MOST_FILE_BYTES:
            raise _problem(413, "Files must be less than 100MB in size")
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        for part in message.iter_parts():
            if part.get_param("name", header="content-disposition") == "content":
                data = part.get_payload(decode=True)
                with self._lock:
                    known = "".join(self._ids.choices(IDS, k=48))
                    kind = part.get_content_type()
                    self.files[known] = File(known, part.get_filename() or "file", bytes(data or b""), kind, self.now())
                return Answer(201, self._file(self.files[known]))
        raise _problem(400, "Missing content")

    def _file(self, file: File) -> dict[str, Any]:
        md5 = hashlib.md5(file.data, usedforsecurity=False).hexdigest()
        return {
            "id": file.id,
            "name": file.name,
            "content_type": file.content_type,
            "size": len(file.data),
            "etag": md5,
            "checksums": {"sha256": hashlib.sha256(file.data).hexdigest(), "md5": md5},
            "metadata": {},
            "created_at": _stamp(file.created),
            "expires_at": _stamp(file.created + FILE_RETENTION_S),
            "urls": {"get": self._signed(f"{self.url}/v1/files/{file.id}")},
        }


# -- HTTP --------------------------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # Without HTTPServer's look-up of the host's name, which may take seconds without a network.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_message(self, *_: Any) -> None:
        pass

    def drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def send(self, status: int, headers: dict[str, str], body: bytes, pieces: Iterator[bytes] | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for piece in pieces or (body,):
                self.wfile.write(piece)


def _api_handler(service: ReplicateEmulator) -> type[_Handler]:
    class Api(_Handler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = Call(service.now(), *_routed(self.command, self.path, service))
            if call.route == "create" and not call.model:
                with contextlib.suppress(Answer, ValueError):
                    call.model = service._by_version(json.loads(body).get("version"))[0]
            answer, trouble = service.answer(call, self.headers, body)
            if "hang" in trouble:
                service._stopping.wait(trouble["hang"])
            if answer.status == 0 or "drop_after_commit" in trouble:
                self.drop()
                return
            if "201_html" in trouble:
                answer = Answer(201, "<html><body>Created</body></html>", {"Content-Type": "text/html"})
            data = answer.body.encode() if isinstance(answer.body, str) else b""
            if answer.body is not None and not isinstance(answer.body, str):
                data = json.dumps(answer.body).encode()
            kind = "application/problem+json" if answer.status >= 400 else "application/json"
            headers = {"Content-Type": kind, "Content-Length": str(len(data)), **answer.headers}
            pieces = _slowly(data, trouble["slow_body"], service) if "slow_body" in trouble else None
            self.send(answer.status, headers, data, pieces)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

    return Api


def _output_handler(service: ReplicateEmulator) -> type[_Handler]:
    class Output(_Handler):
        def do_GET(self) -> None:
            name = urlsplit(self.path).path.removeprefix("/delivery/")
            delivery = service.deliveries.get(name)
            if "Authorization" in self.headers:
                service._violated("the token was sent to the delivery host")
            if delivery is not None:
                service.bring_forward(delivery.prediction, wait=True)
                delivery = service.deliveries.get(name)
            if delivery is None:
                self.send(404, {"Content-Type": "text/plain", "Content-Length": "9"}, b"not found")
                return
            trouble = service.knobs.strike("download", delivery.prediction.model)
            self.deliver(delivery, trouble)

        def deliver(self, delivery: Delivery, trouble: dict[str, Any]) -> None:
            if "hang" in trouble:
                service._stopping.wait(trouble["hang"])
            if "status" in trouble:
                self.send(trouble["status"], {"Content-Type": "text/plain", "Content-Length": "7"}, b"trouble")
                return
            if "redirect" in trouble:
                targets = {"evil": "http://198.51.100.7/clip.mp4", "loop": self.path, "ok": f"{self.path}?again"}
                location = targets.get(trouble["redirect"], trouble["redirect"])
                self.send(302, {"Location": location, "Content-Length": "0"}, b"")
                return
            if "html" in trouble:
                page = b"<html><body>Please sign in.</body></html>" * 20
                kind = trouble["html"] or "text/html; charset=utf-8"
                self.send(200, {"Content-Type": kind, "Content-Length": str(len(page))}, page)
                return
            self.send_file(delivery, trouble)

        def send_file(self, delivery: Delivery, trouble: dict[str, Any]) -> None:
            data = delivery.path.read_bytes()
            size, begin = len(data), 0
            headers = {
                "Content-Type": trouble.get("content_type", delivery.content_type),
                "Accept-Ranges": "bytes",
                "ETag": f'"{hashlib.sha256(data).hexdigest()[:16]}"',
            }
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if wanted and "no_ranges" not in trouble:
                begin = int(wanted[1])
                if begin >= size:
                    self.send(416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"}, b"")
                    return
                headers["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
            body = data[begin:]
            cut = body[: len(body) // 2] if "truncate" in trouble else body
            if trouble.get("truncate") == "without":
                headers["Connection"] = "close"
            else:
                headers["Content-Length"] = str(len(body))
            pieces = _slowly(cut, trouble["slow_body"], service) if "slow_body" in trouble else None
            self.send(206 if "Content-Range" in headers else 200, headers, cut, pieces)
            if "truncate" in trouble:
                self.drop()
            else:
                delivery.prediction.fetched += 1

    return Output


def _routed(method: str, path: str, service: ReplicateEmulator) -> tuple[str, str, str, str]:
    """The route's name for knobs, method, path, and the model where the path or the prediction tells it."""
    steps = urlsplit(path).path.strip("/").split("/")[1:]
    match (method, *steps):
        case ("POST", "models", owner, name, "predictions"):
            return "create", method, path, f"{owner}/{name}"
        case ("POST", "predictions"):
            return "create", method, path, ""
        case ("GET", "predictions"):
            return "list", method, path, ""
        case (_, "predictions", known, *rest):
            prediction = service.predictions.get(known)
            return "cancel" if rest else "get", method, path, prediction.model if prediction else ""
        case ("POST", "files"):
            return "upload", method, path, ""
        case ("DELETE", "files", _):
            return "delete", method, path, ""
        case (_, "files", *_):
            return "file", method, path, ""
        case (_, "models", owner, name, *_):
            return "model", method, path, f"{owner}/{name}"
    return "other", method, path, ""


def _slowly(data: bytes, rate: float, service: ReplicateEmulator) -> Iterator[bytes]:
    """The bytes in tenths of a second."""
    step = max(1, int(rate / 10))
    for begin in range(0, len(data), step):
        yield data[begin : begin + step]
        if service._stopping.wait(0.1):
            return


def _problem(
    status: int, detail: str, *, title: str | None = None, headers: dict[str, str] | None = None, **more: Any
) -> Answer:
    body = {"detail": detail, "status": status, **({"title": title} if title else {}), **more}
    return Answer(status, body, {"Content-Type": "application/problem+json", **(headers or {})})


def _misshape(body: dict[str, Any], trouble: dict[str, Any]) -> None:
    """Give a prediction (or every prediction on a page) a shape that is legal and that the client chokes on."""
    if "foreign_next" in trouble and body.get("next"):
        body["next"] = urlsplit(body["next"])._replace(netloc=trouble["foreign_next"]).geturl()
    for row in body.get("results", [body]):
        if "urls_stream_null" in trouble and "urls" in row:
            row["urls"] = {**row["urls"], "stream": None}
        if "version_null" in trouble:
            row["version"] = None
        if "error_object" in trouble:
            row["error"] = {"message": "an object"}


def _times(model: str) -> tuple[float, float]:
    """Seconds in the queue and running, unhurried; guesses of the size that people report."""
    if "fast" in model:
        return 5.0, 60.0
    if model.startswith(("meta/", "stability", "elevenlabs", "google/lyria")):
        return 20.0, 40.0
    return 10.0, 120.0


def _lifetime(header: str | None) -> float:
    """Seconds of a Cancel-After header: `30`, `30s`, `5m`, `1h30m45s`; at least 5."""
    if header is None:
        return math.inf
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", header.strip())
    seconds = (
        sum(int(number or 0) * unit for number, unit in zip(found.groups(), (3600, 60, 1), strict=True)) if found else 0
    )
    if seconds < 5:
        raise _problem(422, "Invalid Cancel-After header: the shortest duration is 5 seconds.")
    return float(seconds)


def _lengths(model: dict[str, Any]) -> list[int]:
    lengths = model["lengths"]
    return lengths.get("allowed") or list(range(lengths.get("least", 1), lengths["most"] + 1))


def _rule(model: dict[str, Any], word: str) -> dict[str, Any]:
    """The JSON Schema of one input."""
    match word:
        case "first" | "last" | "context":
            return {"type": "string", "format": "uri"}
        case "length":
            lengths = model["lengths"]
            if lengths.get("allowed"):
                return {"type": "integer", "enum": lengths["allowed"], "default": lengths["allowed"][-1]}
            return {"type": "integer", "minimum": lengths.get("least", 1), "maximum": lengths["most"]}
        case "size":
            return {"type": "string", "enum": list(model["sizes"])}
        case "aspect":
            return {"type": "string", "enum": model["aspects"], "default": "16:9"}
        case "seed":
            return {"type": "integer"}
        case "sound":
            return {"type": "boolean", "default": model["sound"]["by_default"]}
    return {"type": "string"}


def _broken(rule: dict[str, Any], key: str, value: Any) -> list[tuple[str, str]]:
    """Rules that a value breaks, in gojsonschema's words."""
    found = []
    if "type" in rule and not _is_a(value, rule["type"]):
        return [("invalid_type", f"Invalid type. Expected: {rule['type']}, given: {_json_type(value)}")]
    if "enum" in rule and value not in rule["enum"]:
        allowed = ", ".join(json.dumps(each) for each in rule["enum"])
        found.append(("enum", f"{key} must be one of the following: {allowed}"))
    if "minimum" in rule and value < rule["minimum"]:
        found.append(("number_gte", f"Must be greater than or equal to {rule['minimum']}"))
    if "maximum" in rule and value > rule["maximum"]:
        found.append(("number_lte", f"Must be less than or equal to {rule['maximum']}"))
    if rule.get("format") == "uri" and not _is_address(value):
        found.append(("format", "Does not match format 'uri'"))
    return found


def _is_a(value: Any, kind: str) -> bool:
    return _json_type(value) == kind or (kind == "number" and _json_type(value) == "integer")


def _json_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "data:"))


def _stamp(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _joined(pieces: list[Any]) -> Any:
    import numpy as np

    return np.concatenate(pieces)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Replicate on loopback.")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "replicate-emulator")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--speed", type=float, default=60.0)
    chosen = parser.parse_args()
    with ReplicateEmulator(chosen.folder, port=chosen.port, speed=chosen.speed) as service:
        print(  # noqa: T201 - what a person starts this for
            f"export REPLICATE_BASE_URL={service.url} REPLICATE_API_TOKEN={service.token}", flush=True
        )
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
