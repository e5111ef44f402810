"""Photo names as people write them: with or without extension, in any case.

Not here: names of campaigns (campaign.py) and keys in the store (store/keys.py).
"""

from collections.abc import Iterable, Sequence

from property_video.core.errors import BadBrief
from property_video.core.spelling import did_you_mean


def match_name(written: str, names: Sequence[str]) -> str:
    """The photo that a person means: the exact name, else the only one alike but for case, folder or extension.

    Raises:
        BadBrief: no photo, or more than one, answers to that name.
    """
    if written in names:
        return written
    alike = names_alike(written, names)
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise BadBrief(f"{written!r} could be {' or '.join(alike)}.", "Write the whole file name.")
    raise BadBrief(f"There is no usable photo {written!r}.", did_you_mean(written, names))


def names_alike(written: str, names: Iterable[str]) -> list[str]:
    """The names that a person may mean."""
    return [name for name in names if _plain(written) in (_plain(name), _stem(name))]


def _plain(name: str) -> str:
    return name.rsplit("/", 1)[-1].casefold()


def _stem(name: str) -> str:
    return _plain(name).rsplit(".", 1)[0]
