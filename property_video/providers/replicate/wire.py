"""The wire under Replicate's client: bounded in time, without hidden retries, and the answer kept as it came.

The client (1.0.7) sends creates and uploads without any timeout, sleeps on `Retry-After` without a cap inside a GET,
and raises parse errors for whole pages because one prediction on them is `aborted`. As the transport below it, this
module gives every request a timeout and every answer a deadline, turns error statuses into exceptions before the client
can retry them, and keeps the JSON of the last answer, which is what we read.

Not here: which calls there are and which of them may be repeated (api.py), outputs (fetch.py).
"""

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import httpx

from property_video.core.errors import (
    AnswerLost,
    HostedRefusal,
    PropertyVideoError,
    RateLimited,
    TransientError,
)
from property_video.core.redaction import redacted

TIMEOUT: Final = httpx.Timeout(connect=5.0, read=30.0, write=30.0, pool=10.0)
"""Seconds of silence that a request survives; the client's own defaults, which it does not apply to creates."""

QUESTION_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=10.0, write=10.0, pool=10.0)
"""The same for requests that can be repeated: a pump that waits for one of them keeps all other orders waiting."""

ANSWER_S: Final = 45.0
"""Seconds in which an answer's body must be complete, however steadily it trickles."""

MOST_ANSWER_BYTES: Final = 8_000_000
"""A page of 100 predictions with their logs is below 2 MB."""


class HttpStatus(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, detail: str, retry_after_s: float | None) -> None:
        self.status, self.detail, self.retry_after_s = status, detail, retry_after_s
        super().__init__(f"HTTP {status}: {detail}")


class Wire(httpx.BaseTransport):
    """The transport of all Replicate clients of one account."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._clock = clock
        trust = trusted()
        kept, fresh = (httpx.Limits(max_connections=16, max_keepalive_connections=number) for number in (4, 0))
        self._reads = httpx.HTTPTransport(verify=trust, limits=kept)
        # A POST never uses a connection that the server may be closing: lost that way, it would be money in doubt.
        self._posts = httpx.HTTPTransport(verify=trust, limits=fresh)
        self._kept = threading.local()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request with timeouts; see the module.

        Raises:
            HttpStatus: the answer's status is 400 or above.
            httpx.HTTPError: there is no whole answer.
        """
        timeout = TIMEOUT if request.method == "POST" else QUESTION_TIMEOUT
        request.extensions = {**request.extensions, "timeout": timeout.as_dict()}
        response = (self._posts if request.method == "POST" else self._reads).handle_request(request)
        try:
            body = self._read(response, request)
        finally:
            response.close()
        whole = httpx.Response(response.status_code, headers=response.headers, content=body, request=request)
        if whole.status_code >= 400:
            raise _status(whole)
        self._kept.body = whole.content
        return whole

    def _read(self, response: httpx.Response, request: httpx.Request) -> bytes:
        began, body = self._clock(), bytearray()
        assert isinstance(response.stream, httpx.SyncByteStream)
        for piece in response.stream:
            body += piece
            if self._clock() - began > ANSWER_S or len(body) > MOST_ANSWER_BYTES:
                raise httpx.ReadTimeout("the answer does not end", request=request)
        return bytes(body)

    def forget(self) -> None:
        """Drop this thread's kept answer, before a request that may never be sent."""
        self._kept.body = b""

    def answer(self) -> dict[str, Any] | None:
        """The JSON object that this thread's last request was answered with; None where it was none."""
        try:
            data = json.loads(self._kept.body)
        except ValueError:
            return None
        return data if isinstance(data, dict) else None

    def close(self) -> None:
        """Close all connections."""
        self._reads.close()
        self._posts.close()


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are believed; reading them takes 30 ms, so they are read once."""
    return httpx.create_ssl_context()


def _status(response: httpx.Response) -> HttpStatus:
    try:
        data = json.loads(response.content)
    except ValueError:
        data = None
    fields: Mapping[str, Any] = data if isinstance(data, dict) else {}
    said = fields.get("detail") or fields.get("title") or (data if data and data is not fields else "")
    detail = redacted(str(said)).strip()[:500]
    return HttpStatus(
        response.status_code,
        detail,
        retry_after(fields.get("retry_after"), response.headers.get("Retry-After"), detail),
    )


def retry_after(field: Any, header: str | None, detail: str) -> float | None:
    """How many seconds a throttled answer asks to wait: from its body, its header, or its sentence; None if nowhere.

    A header with a date is not read: the sentence says the same without two clocks.
    """
    for said in (field, header):
        try:
            seconds = float(said)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            continue
        if 0 <= seconds < 1e6:
            return seconds
    told = re.search(r"(?:resets in|available in) ~?(\d+(?:\.\d+)?) ?s", detail)
    return float(told.group(1)) if told else None


def translated(error: Exception, doing: str, *, paid: bool) -> PropertyVideoError:
    """Our error for one of HTTP's.

    Args:
        error: an `HttpStatus`, or what httpx raised.
        doing: what was tried, for the message: "placing a prediction".
        paid: whether the request costs money, so that one whose fate is unknown must be looked up.
    """
    if isinstance(error, HttpStatus):
        return _translated_status(error, doing, paid)
    what = f"Replicate: {doing} failed: {type(error).__name__} {redacted(str(error))}".rstrip() + "."
    never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    if paid and not never_sent:
        return AnswerLost(what, "The account's list of predictions says whether it arrived.")
    return TransientError(what, "It will be tried again.")


def _translated_status(error: HttpStatus, doing: str, paid: bool) -> PropertyVideoError:
    what = f"Replicate: {doing}: {error.status} {error.detail}".rstrip() + "."
    if error.status == 429:
        return RateLimited(what, "It will be tried again.", error.retry_after_s)
    if error.status >= 500:
        if paid:
            return AnswerLost(what, "The account's list of predictions says whether it arrived.")
        return TransientError(what, "It will be tried again.")
    if error.status in {408, 425}:
        return TransientError(what, "It will be tried again.")
    return HostedRefusal(what, REMEDIES.get(error.status, ""), error.status)


REMEDIES: Final = {
    401: "Check REPLICATE_API_TOKEN.",
    402: "The account has no credit: add some at replicate.com/account/billing.",
    403: "The token may not do this.",
    404: "Check the model's name; models are renamed and withdrawn.",
    422: "Run `property-video doctor --live`: the model's inputs may have changed.",
}
"""What a person can do about a refusal."""
