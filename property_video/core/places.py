"""Where things may live: a folder of this machine, or a prefix in a bucket of S3 or of what speaks its protocol.

Not here: what is kept there (store), reading the environment (settings.py).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from property_video.core.errors import BadInput

SCHEME: Final = "s3://"

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Names of buckets (Amazon S3 user guide, "General purpose bucket naming rules")."""


@dataclass(frozen=True)
class Bucket:
    """A prefix in a bucket. Credentials are found by boto3 as everywhere: environment, profile, or role.

    Attributes:
        name: the bucket.
        prefix: what all keys begin with; "" or a path without a slash at either end.
        endpoint: the service's address; "" for Amazon's own.
        region: "" for the one that boto3 finds.
        encryption: server-side encryption that every object asks for: "", "AES256" or "aws:kms".
        kms_key: the key of "aws:kms"; "" for the account's own.
    """

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    encryption: str = ""
    kms_key: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}/{self.prefix}".rstrip("/")


Place = Path | Bucket


def is_bucket(address: str) -> bool:
    """Whether an address names a bucket rather than a folder."""
    return address.startswith(SCHEME)


def parse_bucket(
    address: str, *, endpoint: str = "", region: str = "", encryption: str = "", kms_key: str = ""
) -> Bucket:
    """The bucket and prefix of `s3://bucket/prefix`.

    Raises:
        BadInput: it names no bucket.
    """
    name, _, prefix = address.removeprefix(SCHEME).partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(name) or any(part in {"", ".", ".."} for part in prefix.split("/") if prefix):
        raise BadInput(f"{address!r} is no bucket and prefix.", "Write s3://bucket/prefix.")
    return Bucket(name, prefix, endpoint, region, encryption, kms_key)
