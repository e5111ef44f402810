"""Vision models that choose photos: one request to xAI or OpenAI, one answer, all trouble in our own words.

Both vendors speak one protocol, so one client does. It never tries again by itself: retries, their pauses and the
deadline are here, and what may have been paid for is never sent again.

Not here: what is asked and what becomes of the answer (core/choice.py), the wallet (orders).
"""

import base64
import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from property_video.core.choice import Answer, ChoiceRequest, Vendor
from property_video.core.errors import (
    AnswerLost,
    BadPhoto,
    HostedRefusal,
    PropertyVideoError,
    RateLimited,
    TransientError,
)
from property_video.core.redaction import redacted

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

BASE_URLS: Final[Mapping[Vendor, str]] = {"xai": "https://api.x.ai/v1", "openai": "https://api.openai.com/v1"}

KEYS: Final[Mapping[Vendor, str]] = {"xai": "XAI_API_KEY", "openai": "OPENAI_API_KEY"}

LONG_SIDE: Final = 768
"""Pixels of a photo's long side as it is sent."""

JPEG_QUALITY: Final = 80

DEADLINE_S: Final = 180.0
"""Seconds that a question may take, tries and pauses included."""

CONNECT_S: Final = 10.0

MOST_TRIES: Final = 4
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""Tries that surely cost nothing are repeated after 1, 2 and 4 seconds, or after what the service says."""

MOST_ANSWER_BYTES: Final = 2_000_000

_UNPAID: Final = frozenset({408, 409, 425, 500, 502, 503, 504, 529})
"""Statuses by which a service says that it made nothing, and that may pass."""

_NOT_SENT: Final = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
"""Errors of the transport (httpx, or httpx2 from openai 3 on) at which no byte of a request has left."""

_NO_MONEY: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of a 429 that waiting does not help."""


@dataclass(frozen=True)
class Vision:
    """One vendor's vision models.

    Attributes:
        vendor: Who is asked.
        api_key: The vendor's key; never shown.
        base_url: Where it answers; empty is the vendor's own address.
        deadline_s: Seconds a question may take in all.
        clock: Seconds of a steady clock.
        sleep: Waits so many seconds.
        jitter: A number in 0..1 for every pause, so that many runs do not come back at once.
    """

    vendor: Vendor
    api_key: str = field(repr=False)
    base_url: str = ""
    deadline_s: float = DEADLINE_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = lambda: 0.5

    def ask(self, request: ChoiceRequest, previews: Mapping[str, Path]) -> Answer:
        """Ask once, and wait for the answer; whatever it says, it is paid for.

        Args:
            request: What is asked.
            previews: The pictures' previews on the local disk, by media key.

        Raises:
            HostedRefusal: wrong key, no credit, unknown model, a request that is not accepted: nothing was bought.
            RateLimited: asked too often, for longer than the deadline: nothing was bought.
            TransientError: the service cannot be reached or is down: nothing was bought.
            AnswerLost: the request was sent and its answer is lost: it may have been bought, and is not sent again.
            BadPhoto: a preview cannot be decoded.
        """
        if not self.api_key:
            raise HostedRefusal(f"There is no key for {request.provider}.", f"Set {KEYS[self.vendor]}.", status=401)
        started = self.clock()
        body = _body(request, previews)
        client = self._client()
        with client:
            for attempt in range(1, MOST_TRIES + 1):
                try:
                    return self._once(client, body, request, started)
                except TransientError as trouble:
                    pause = self._pause(trouble, attempt)
                    left = self.deadline_s - (self.clock() - started)
                    if attempt == MOST_TRIES or pause >= left:
                        raise
                    self.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _client(self) -> "OpenAI":
        from openai import OpenAI

        return OpenAI(api_key=self.api_key, base_url=self.base_url or BASE_URLS[self.vendor], max_retries=0)

    def _pause(self, trouble: TransientError, attempt: int) -> float:
        asked = trouble.retry_after_s if isinstance(trouble, RateLimited) else None
        own = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
        return (own if asked is None else asked) * (1.0 + 0.25 * self.jitter())

    def _once(self, client: "OpenAI", body: dict[str, Any], request: ChoiceRequest, started: float) -> Answer:
        from openai import Timeout

        left = max(self.deadline_s - (self.clock() - started), 1.0)
        with (
            self._in_our_words(request),
            client.chat.completions.with_streaming_response.create(
                **body, timeout=Timeout(left, connect=min(CONNECT_S, left))
            ) as response,
        ):
            # Timeouts count from byte to byte: a body that trickles never runs into one.
            received = bytearray()
            for piece in response.iter_bytes():
                received += piece
                if self.clock() - started > self.deadline_s:
                    raise _lost(request, f"it was not whole after {self.deadline_s:g} s")
                if len(received) > MOST_ANSWER_BYTES:
                    raise _lost(request, f"it is longer than {MOST_ANSWER_BYTES} bytes")
            request_id = response.headers.get("x-request-id", "")
        return _answer(bytes(received), request, request_id, self.clock() - started)

    @contextmanager
    def _in_our_words(self, request: ChoiceRequest) -> Iterator[None]:
        """Translate what the client raises, by whether something may have been bought."""
        from openai import APIConnectionError, APIStatusError

        try:
            yield
        except PropertyVideoError:
            raise
        except APIStatusError as error:
            raise self._status(error, request) from None  # its request holds the key and all pictures
        except APIConnectionError as error:
            cause = error.__cause__ or error
            if type(cause).__name__ in _NOT_SENT:
                raise TransientError(
                    f"{request.provider} cannot be reached: {self._safe(str(cause))}.", "It is tried again."
                ) from None
            raise _lost(request, self._safe(str(cause)) or type(cause).__name__) from None
        except Exception as error:  # whatever else breaks once the request is on its way: it may have been paid for
            raise _lost(request, self._safe(str(error)) or type(error).__name__) from None

    def _status(self, error: "APIStatusError", request: ChoiceRequest) -> Exception:
        status, (code, said) = error.status_code, _said(error)
        what = f"{request.provider} answers {status}: {self._safe(said)}"
        if status in _UNPAID or (status > 500 and status not in (501, 505)):
            return TransientError(what, "It is tried again.")
        if status == 429 and code not in _NO_MONEY:
            return RateLimited(what, "It is tried again.", retry_after_s=_retry_after(error))
        remedies = {
            401: "Check the key.",
            402: "Add credit to the account.",
            403: "Check what the key may do.",
            404: "Check the model's name.",
            429: "Add credit to the account.",
        }
        return HostedRefusal(what, remedies.get(status, "Check key and model."), status=status)

    def _safe(self, text: str) -> str:
        """Foreign words without secrets, short, on one line."""
        plain = redacted(text.replace(self.api_key, "***")) if self.api_key else redacted(text)
        return " ".join(plain.split())[:300].rstrip(".")


def _body(request: ChoiceRequest, previews: Mapping[str, Path]) -> dict[str, Any]:
    """The request as both vendors take it: each picture behind its id, our words apart from foreign ones."""
    content: list[dict[str, Any]] = [{"type": "text", "text": f"DATA\n{request.data}"}]
    for picture in request.pictures:
        url = f"data:image/jpeg;base64,{base64.b64encode(downsized(previews[picture.preview])).decode()}"
        content.append({"type": "text", "text": picture.id})
        content.append({"type": "image_url", "image_url": {"url": url, "detail": request.detail}})
    return {
        "model": request.model,
        "messages": [{"role": "system", "content": request.system}, {"role": "user", "content": content}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": request.stage, "strict": True, "schema": request.answer_schema},
        },
        "max_completion_tokens": request.most_tokens,
    }


def downsized(preview: Path) -> bytes:
    """A photo as it is sent: JPEG, long side at most `LONG_SIDE`, without any metadata.

    Raises:
        BadPhoto: the file cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(preview) as image:
            image.draft("RGB", (LONG_SIDE, LONG_SIDE))
            picture = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPhoto(f"{preview} cannot be decoded: {error}.", "Export it again as JPEG.") from error
    picture.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    Image.fromarray(_pixels(picture)).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _pixels(picture: Any) -> Any:
    """The pixels alone: what `convert` and `thumbnail` carry along (EXIF, profile, comments) stays behind."""
    import numpy as np

    return np.asarray(picture)


def _answer(received: bytes, request: ChoiceRequest, request_id: str, seconds: float) -> Answer:
    """Read a completion; only a body that is none at all counts as lost.

    Raises:
        AnswerLost: the body is no completion.
    """
    try:
        data = json.loads(received)
        choices, usage = data.get("choices") or [{}], data.get("usage") or {}
        message = choices[0].get("message") or {}
        tokens_in, completed, total = (usage.get(key) for key in ("prompt_tokens", "completion_tokens", "total_tokens"))
        if not {"choices", "usage"} & data.keys():
            raise ValueError("it is no completion")
        return Answer(
            request=request.fingerprint,
            text=_text(message.get("content")),
            finish=choices[0].get("finish_reason") or "nothing",
            refusal=_text(message.get("refusal")),
            tokens_in=tokens_in,
            # xAI counts thinking apart from the completion, but into the total.
            tokens_out=None if completed is None else max(completed, (total or 0) - (tokens_in or 0)),
            served_by=_text(data.get("model")),
            request_id=request_id,
            seconds=round(seconds, 2),
        )
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        digest = hashlib.sha256(received).hexdigest()[:12]
        raise _lost(request, f"what came is no completion ({len(received)} bytes, {digest}): {error}"[:200]) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _lost(request: ChoiceRequest, why: str) -> AnswerLost:
    return AnswerLost(
        f"The answer of {request.provider} is lost: {why}.", "It may have been paid for and is not sent again."
    )


def _said(error: "APIStatusError") -> tuple[str, str]:
    """Code and words of an error, from OpenAI's body, xAI's, or whatever came."""
    try:
        data = error.response.json()
    except ValueError:
        return "", error.response.text[:300]
    inner = data.get("error") if isinstance(data, dict) else None
    if isinstance(inner, dict):
        return _text(inner.get("code")) or _text(inner.get("type")), _text(inner.get("message"))
    if isinstance(inner, str) and isinstance(data, dict):
        return _text(data.get("code")), inner
    return "", error.response.text[:300]


def _retry_after(error: "APIStatusError") -> float | None:
    """Seconds that a service asks to wait; None when it says none, or a date."""
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
