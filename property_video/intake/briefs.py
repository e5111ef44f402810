"""Reading a campaign's brief from its folder.

Not here: what a brief may say (core/brief.py).
"""

from pathlib import Path
from typing import Final

import yaml

from property_video.core.brief import Brief, parse_brief
from property_video.core.errors import BadBrief

LARGEST_BRIEF: Final = 256 * 1024
"""Bytes: a brief is a page, not a book, and YAML in bulk can be made to be slow."""


def read_brief(file: Path | None) -> Brief:
    """The brief in a file; an empty one when the folder has none.

    Raises:
        BadBrief: the file cannot be read, is not YAML, or breaks a rule.
    """
    if file is None:
        return Brief()
    try:
        if file.stat().st_size > LARGEST_BRIEF:
            raise BadBrief(
                f"{file.name}: larger than {LARGEST_BRIEF // 1024} kB.", "Keep to the keys of docs/brief.md."
            )
        data = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadBrief(f"{file.name}: {error.strerror}.", "Make the file readable.") from error
    except UnicodeDecodeError as error:
        raise BadBrief(f"{file.name}: not UTF-8 text.", "Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise BadBrief(f"{file.name}: not valid YAML{place}.", "See docs/brief.md for an example.") from error
    return parse_brief(data, file.name)
