"""What must not be written down: signed links, keys, and pictures inside of text.

A link keeps its host and path, by which people and look-ups know it; what it is signed with (its query) goes.

Not here: who writes (every event of core/ledger.py passes through here, so that no journal can hold a secret).
"""

import hashlib
import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator

_LINK: Final = re.compile(r"(https?://)(?:[^\s/@\"'<>]*@)?([^\s?#\"'<>]+)(?:[?#][^\s\"'<>]*)?", re.IGNORECASE)
_DATA: Final = re.compile(r"data:([\w/+.-]*);base64,([A-Za-z0-9+/=_-]*)")
_KEY: Final = re.compile(r"\b(r8_|sk-|xai-|whsec_)[A-Za-z0-9_-]{6,}|(\bBearer\s+)[^\s\"',]+")


def redacted(text: str) -> str:
    """The text without queries and passwords of links, keys of services, and embedded files (their hash stays)."""
    text = _DATA.sub(lambda found: f"data:{found[1]};sha256,{hashlib.sha256(found[2].encode()).hexdigest()}", text)
    text = _LINK.sub(r"\1\2", text)
    return _KEY.sub(lambda found: f"{found[1] or found[2]}***", text)


def redacted_values(value: Any) -> Any:
    """A value of JSON with every string in it redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: redacted_values(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted_values(each) for each in value]
    return value


Redacted = Annotated[str, AfterValidator(redacted)]
RedactedInputs = Annotated[dict[str, Any], AfterValidator(redacted_values)]
