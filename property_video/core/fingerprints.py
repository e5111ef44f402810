"""Fingerprints: equal inputs, equal name.

An output fingerprint hashes everything that decides one output: its inputs, its settings and the version of the
code that makes it. Equal means: found, not made again.

Not here: hashing of files (store/disk.py streams those).
"""

import hashlib
import json
from typing import Any, Final

from pydantic import BaseModel

VERSIONS: Final = {
    "request": 1,
    "reading": 1,
    "look": 2,
    "match": 1,
    "recording": 1,
    "clip": 2,
    "track": 2,
    "hosted_clip": 1,
    "hosted_track": 1,
    "film": 1,
    "choice": 1,
}
"""The version of each step. Raise one when its step would make other bytes from the same inputs.

What hosted models make has versions of its own, and to raise one is to buy everything anew.
"""


def plain(value: Any) -> Any:
    """Reduce records to what JSON knows, recursively."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def fingerprint(step: str, /, **inputs: Any) -> str:
    """The output fingerprint of `step` for `inputs`: 32 hexadecimal digits (128 bits of SHA-256).

    Raises:
        KeyError: `step` has no entry in VERSIONS.
    """
    what = {"step": step, "version": VERSIONS[step], "inputs": plain(inputs)}
    text = json.dumps(what, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
