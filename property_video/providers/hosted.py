"""What every hosted service of predictions looks like to us: place, ask, list, cancel, and move files.

Not here: any service (providers/replicate), which model to ask for what (core/models.py), when to ask again (orders).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pydantic import Field

from property_video.core.records import Record

Status = Literal["starting", "processing", "succeeded", "failed", "canceled", "aborted"]
Medium = Literal["video", "audio", "image"]

TERMINAL: Final = frozenset({"succeeded", "failed", "canceled", "aborted"})
"""States that no prediction leaves. `aborted`: its deadline passed before it started."""


class Prediction(Record):
    """One hosted model call, as its service tells it.

    `input` is the echo of what was sent ({} once the service has removed it), `output` whatever the model gives (None
    until then), `error` and `logs` are "" where there are none. `created_at` is an ISO 8601 time. `started` says
    whether the model ever ran: a prediction cancelled after that is charged. `predict_time_s` is the seconds it ran.
    `data_removed` says that the service has deleted input, output and logs.
    """

    id: str
    status: Status
    input: dict[str, Any] = Field(default_factory=dict)
    output: Any = None
    error: str = ""
    logs: str = ""
    created_at: str
    started: bool = False
    predict_time_s: float | None = None
    data_removed: bool = False


class FileRef(Record):
    """A file kept by the service: `url` is what a prediction's input names, `id` deletes it."""

    id: str
    url: str


class PredictionApi(Protocol):
    """A hosted service. Every call ends within a bounded time; none of them sleeps between tries for longer than that.

    All methods raise `TransientError` (also `RateLimited`) for what may pass, and `HostedRefusal` for what will not.
    """

    def create(
        self, model: str, version: str | None, inputs: Mapping[str, Any], *, cancel_after_s: float
    ) -> Prediction:
        """Place one prediction: one request, never repeated by itself.

        Args:
            model: `owner/name`.
            version: the version to run, for models that need one; None for official models.
            inputs: the model's input, sent as it is.
            cancel_after_s: seconds after which the service itself stops the prediction, from its creation.

        Raises:
            AnswerLost: the request was sent, but not answered: look it up with `recent`.
            TransientError: the request did not arrive, or was declined before anything was made.
            HostedRefusal: the service refused it; nothing was made.
        """

    def get(self, id: str) -> Prediction:  # noqa: A002 - the service's word
        """The prediction as it is now."""

    def recent(self, since: datetime) -> Sequence[Prediction]:
        """All predictions of the account created at or after `since` (with time zone), the newest first."""

    def cancel(self, id: str) -> Prediction:  # noqa: A002
        """Stop a prediction; one that has ended stays as it is."""

    def upload(self, path: Path, name: str) -> FileRef:
        """Hand the service a file under `name`; it is kept for about a day.

        A lost answer costs nothing but an orphaned file, so it is a `TransientError`.
        """

    def delete_file(self, id: str) -> None:  # noqa: A002
        """Delete a file; one that is gone already is no error."""

    def download(self, url: str, into: Path, *, limit_bytes: int, expect: Medium) -> None:
        """Fetch an output, in pieces if it must; `into` appears only when it is whole.

        Raises:
            DeliveryBroken: not this time; what has arrived is kept beside `into` and the next call goes on from there.
            OutputGone: never again: deleted, larger than `limit_bytes`, or from a host that is not the service's.
        """
