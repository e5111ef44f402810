"""The exception tree. Every error the product raises on purpose is one of these.

PropertyVideoError
├── BadInput              what a person gave us is wrong; exit code 2, never retried
│   ├── BadPhoto          one file that cannot be used (never stops a listing)
│   ├── BadBrief          campaign.yaml, an edit or a launch configuration
│   └── NoUsablePhoto     a listing without a single usable photo
├── StoreError            the store cannot be read or written
│   ├── StoreFull         no space left on the disk
│   ├── BadRecord         one record is not what it must be; the store itself works
│   └── MissingMedia      a record names media that are not in the store
├── BadOutput             something was made and did not pass verification
├── BadWeights            the network that looks at photos is not installed as it should be; films are made without it
├── CampaignBusy          another live run holds the campaign
├── HostedRefusal         a hosted service will not do this (401, 402, 404, 422): the next rung, never again as is
├── AnswerLost            a request that costs money may or may not have arrived: look it up, never resend it
├── OutputGone            an output that was paid for cannot be had any more
└── TransientError        may work when tried again; the only type that step retries obey
    ├── RateLimited       asked too often; says how long to wait
    └── DeliveryBroken    an output that is paid for could not be fetched whole this time: fetch it again

Not here: foreign exceptions. They are translated once, where the foreign call is made.
"""


class PropertyVideoError(Exception):
    """What went wrong, and what to do about it.

    `reason` says what and where, in one sentence; `remedy` says what a person can do.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason} {remedy}".strip())


class BadInput(PropertyVideoError):
    """What a person gave us is wrong."""


class BadPhoto(BadInput):
    """A file that cannot be used as a photo."""


class BadBrief(BadInput):
    """A brief, edit or launch configuration that breaks a rule."""


class NoUsablePhoto(BadInput):
    """A listing in which no file can be used."""


class StoreError(PropertyVideoError):
    """The store cannot be read or written."""


class BadRecord(StoreError):
    """One record is not what it must be."""


class StoreFull(StoreError):
    """No space is left where the store lives."""


class MissingMedia(StoreError):
    """A record names media that are not in the store."""


class BadOutput(PropertyVideoError):
    """A clip, track or film that did not pass verification; nothing was committed."""


class BadWeights(PropertyVideoError):
    """The weights of the network that looks at photos are missing or not the expected ones."""


class CampaignBusy(PropertyVideoError):
    """Another live run holds the campaign."""


class TransientError(PropertyVideoError):
    """A failure that may pass when tried again."""


class RateLimited(TransientError):
    """A hosted service asks to wait. `retry_after_s` is how long, None where it does not say."""

    def __init__(self, reason: str, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(reason, remedy)
        self.retry_after_s = retry_after_s


class DeliveryBroken(TransientError):
    """An output that is already paid for could not be fetched whole this time.

    `digest` is the SHA-256 of what came when the transfer itself was complete: when two of them are equal, the output
    is broken where it lies. "" otherwise.
    """

    def __init__(self, reason: str, remedy: str = "", digest: str = "") -> None:
        super().__init__(reason, remedy)
        self.digest = digest


class HostedRefusal(PropertyVideoError):
    """A hosted service refuses for good: wrong token, no credit, unknown model, invalid input.

    `status` is the HTTP status, 0 where there is none.
    """

    def __init__(self, reason: str, remedy: str = "", status: int = 0) -> None:
        super().__init__(reason, remedy)
        self.status = status


class AnswerLost(PropertyVideoError):
    """A request that costs money was sent and its answer was lost: it may or may not have arrived."""


class OutputGone(PropertyVideoError):
    """An output that was paid for is deleted, or is nothing that was ordered."""
