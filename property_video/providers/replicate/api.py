"""Replicate as our `PredictionApi`: the client's own calls, read tolerantly, with errors of ours.

Used of the client are create, get, list, cancel and files alone. Its `run`, `wait` and `FileOutput` are not: they lose
outputs, wait for ever and send the token to other hosts.

Not here: timeouts and statuses (wire.py), downloads (fetch.py), when to ask and what to pay (orders).
"""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import httpx

from property_video.core.errors import AnswerLost, HostedRefusal, PropertyVideoError, RateLimited, TransientError
from property_video.core.redaction import redacted, redacted_values
from property_video.providers.hosted import FileRef, Medium, Prediction, Status
from property_video.providers.replicate.fetch import Fetcher
from property_video.providers.replicate.wire import HttpStatus, Wire, translated

if TYPE_CHECKING:
    from replicate.client import Client

PUBLIC_URL: Final = "https://api.replicate.com"

LEAST_CANCEL_S, MOST_CANCEL_S = 5, 1800
"""Seconds that the service takes as Cancel-After; nothing runs longer than 30 minutes."""

TRIES: Final = 3
"""How often a request is made that may be repeated without harm."""

PAUSE_S: Final = 0.4
"""Seconds before the second try, twice that before the third, each ±50 %. A caller that polls asks again anyway."""

MOST_PAGES: Final = 50
"""Pages of 100 predictions that are read: an account at its rate limit makes 36 000 in the hour that matters, but
5000 a campaign's lookup never needs; beyond it the lookup says so instead of guessing."""

STATUSES: Final[Mapping[str, Status]] = {
    "starting": "starting",
    "queued": "starting",
    "processing": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
    "aborted": "aborted",
}


class NoPrediction(TransientError):
    """An answer in which a prediction should be, and is not."""


class ReplicateApi:
    """One account at Replicate. Safe to use from several threads; close it when done."""

    def __init__(
        self,
        token: str,
        base_url: str = PUBLIC_URL,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare an account's clients; nothing is sent.

        Args:
            token: the account's API token.
            base_url: without `/v1`; a loopback address also lets outputs come from loopback.
            clock: monotonic seconds.
            sleep: waits so many seconds.
            jitter: gives numbers in 0..1.
        """
        self._base_url = base_url.rstrip("/").removesuffix("/v1")
        self._sleep, self._jitter = sleep, jitter
        self._wire = Wire(clock)
        # The token is kept in a closure: no attribute, repr or traceback of locals shows it.
        self._client_with: Callable[[dict[str, str]], Client] = lambda headers: _client(
            token, self._base_url, self._wire, headers
        )
        self._client = self._client_with({})
        self._fetcher = Fetcher(self._base_url, clock)

    def __repr__(self) -> str:
        return f"ReplicateApi({urlsplit(self._base_url).netloc!r})"

    def __enter__(self) -> "ReplicateApi":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()
        self._fetcher.close()

    def create(
        self, model: str, version: str | None, inputs: Mapping[str, Any], *, cancel_after_s: float
    ) -> Prediction:
        """Place one prediction; see `PredictionApi.create`."""
        seconds = min(max(round(cancel_after_s), LEAST_CANCEL_S), MOST_CANCEL_S)
        # The client takes headers for a whole client only; a keyword per call is dropped without a word.
        client = self._client_with({"Cancel-After": f"{seconds}s"})
        if version is None:
            send = partial(client.models.predictions.create, model=model, input=dict(inputs))
        else:
            send = partial(client.predictions.create, version=version, input=dict(inputs))
        doing = f"placing a prediction of {model}"
        try:
            return parse_prediction(self._once(send, doing, paid=True))
        except NoPrediction as error:
            raise AnswerLost(f"Replicate: {doing} was answered without one.", "Look it up.") from error

    def get(self, id: str) -> Prediction:  # noqa: A002
        """The prediction as it is now."""
        return parse_prediction(self._patiently(partial(self._client.predictions.get, _part(id)), f"asking for {id}"))

    def recent(self, since: datetime) -> Sequence[Prediction]:
        """All predictions created at or after `since`, the newest first.

        Raises:
            TransientError: a page could not be read; part of an account's list would look like all of it.
        """
        moment = since.astimezone(UTC)
        page = f"/v1/predictions?created_after={quote(moment.strftime('%Y-%m-%dT%H:%M:%S.%fZ'))}"
        found: list[Prediction] = []
        for _ in range(MOST_PAGES):
            answer = self._patiently(partial(self._client.predictions.list, page), "listing predictions")
            rows = [parse_prediction(row) for row in answer.get("results") or []]
            found += [row for row in rows if not _is_older(row, moment)]
            following = answer.get("next")
            if not following or (rows and _is_older(rows[-1], moment)):
                return found
            # Only the path: the client would send the token to whatever host an absolute address names.
            target = urlsplit(str(following))
            page = f"{target.path}?{target.query}"
        raise TransientError(
            f"Replicate: more than {MOST_PAGES * 100} predictions since {moment:%H:%M} UTC.", "Look it up by hand."
        )

    def cancel(self, id: str) -> Prediction:  # noqa: A002
        """Stop a prediction; asking twice is asking once."""
        return parse_prediction(
            self._patiently(partial(self._client.predictions.cancel, _part(id)), f"cancelling {id}")
        )

    def upload(self, path: Path, name: str) -> FileRef:
        """Hand over a file under `name`."""

        def send() -> Any:
            with path.open("rb") as file:
                return self._client.files.create(file, filename=name)

        answer = self._once(send, f"uploading {name}", paid=False)
        try:
            return FileRef(id=str(answer["id"]), url=str(answer["urls"]["get"]))
        except (KeyError, TypeError) as error:
            raise TransientError(f"Replicate: uploading {name} was answered without an id.") from error

    def delete_file(self, id: str) -> None:  # noqa: A002
        """Delete a file."""
        try:
            self._patiently(partial(self._client.files.delete, _part(id)), f"deleting file {id}", silent=True)
        except HostedRefusal as refusal:
            if refusal.status != 404:
                raise

    def download(self, url: str, into: Path, *, limit_bytes: int, expect: Medium) -> None:
        """Fetch an output without the token; see `PredictionApi.download`."""
        self._fetcher.fetch(url, into, limit_bytes=limit_bytes, expect=expect)

    def published(self, model: str, version: str | None = None) -> dict[str, Any]:
        """What the service publishes of a model: its OpenAPI schema, {} where it has none."""
        if version is None:
            answer = self._patiently(partial(self._client.models.get, model), f"asking for {model}")
            newest = answer.get("latest_version") or {}
        else:
            path = f"/v1/models/{model}/versions/{version}"
            newest = self._patiently(partial(self._client._request, "GET", path), f"asking for {model}")
        schema = newest.get("openapi_schema")
        return schema if isinstance(schema, dict) else {}

    def _patiently(self, send: Callable[[], Any], doing: str, *, silent: bool = False) -> dict[str, Any]:
        """Send a request that may be repeated, a few times; throttling is told at once, for the caller to pace."""
        for number in range(1, TRIES + 1):
            try:
                return self._once(send, doing, paid=False, silent=silent)
            except RateLimited:
                raise
            except TransientError:
                if number == TRIES:
                    raise
                self._sleep(PAUSE_S * number * (0.5 + self._jitter()))
        raise AssertionError("the last try returns or raises")

    def _once(self, send: Callable[[], Any], doing: str, *, paid: bool, silent: bool = False) -> dict[str, Any]:
        """Send one request and give its JSON, whatever the client makes of it.

        `silent` answers have no body. The client's own parsing fails on answers that are fine (`aborted`, a null
        version), so its result and its parse errors are both left aside.
        """
        self._wire.forget()
        try:
            send()
        except (HttpStatus, httpx.HTTPError) as error:
            raise translated(error, doing, paid=paid) from None
        except PropertyVideoError:
            raise
        except Exception as error:
            if self._wire.answer() is None and not isinstance(error, ValueError):
                raise
        answer = self._wire.answer()
        if silent:
            return {}
        if answer is None:
            raise translated(httpx.RemoteProtocolError("an answer that is no JSON object"), doing, paid=paid)
        return answer


def _client(token: str, base_url: str, wire: Wire, headers: dict[str, str]) -> "Client":
    from replicate.client import Client

    return Client(api_token=token, base_url=base_url, transport=wire, headers=dict(headers))


def parse_prediction(data: Mapping[str, Any]) -> Prediction:
    """A prediction from the service's JSON, which is read by meaning: what is missing or null is left empty.

    Addresses in the echoed input lose their queries, so that no signed link gets into a record.

    Raises:
        NoPrediction: it has no id.
    """
    if not isinstance(data.get("id"), str):
        raise NoPrediction("Replicate: an answer without a prediction in it.", "It will be asked again.")
    metrics = data.get("metrics") or {}
    predict_time = metrics.get("predict_time") if isinstance(metrics, Mapping) else None
    status = STATUSES.get(str(data.get("status")), "processing")
    echoed = data.get("input")
    return Prediction(
        id=data["id"],
        status=status,
        input=redacted_values(dict(echoed)) if isinstance(echoed, Mapping) else {},
        output=data.get("output"),
        error=_text(data.get("error")),
        logs=_text(data.get("logs")),
        created_at=str(data.get("created_at") or ""),
        started=bool(data.get("started_at")) or status in {"processing", "succeeded"},
        predict_time_s=float(predict_time) if isinstance(predict_time, (int, float)) else None,
        data_removed=bool(data.get("data_removed")),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return redacted(value if isinstance(value, str) else json.dumps(value))


def _is_older(prediction: Prediction, moment: datetime) -> bool:
    try:
        return datetime.fromisoformat(prediction.created_at) < moment
    except ValueError:
        return False


def _part(id: str) -> str:  # noqa: A002
    """An id as one part of a path."""
    return quote(id, safe="")
