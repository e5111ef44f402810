"""Finished or absent: how a file comes to be on the local disk. A leaf that media and store share.

Not here: what is written into it, and where finished files are kept (store).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from property_video.core.errors import StoreError, StoreFull

NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a full disk, an exhausted quota, and a file longer than its file system or `ulimit -f` allows."""


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Give a temporary path beside `out`; rename it to `out` on success, remove it on any failure or interrupt.

    Raises:
        StoreFull: the disk (or the quota) has no room for the file.
        StoreError: the folder cannot be written.
    """
    partial = out.with_name(f".{out.stem}.{os.getpid()}.partial{out.suffix}")
    try:
        yield partial
        partial.replace(out)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreFull(f"No space is left for {out}.", "Free some space on that disk and run again.") from error
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM} or not out.parent.is_dir():
            raise StoreError(f"{out} cannot be written: {error}.", "Check that the folder is writable.") from error
        raise
    finally:
        partial.unlink(missing_ok=True)
