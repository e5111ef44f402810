"""`property-video` in a hurry: `python hurried.py EVENT:NTH make …`.

A process that was killed while a request was on its way is waited for as long as a request may take: 90 s, and 30 s
more until it is certainly listed. On loopback that is over in a moment, so five seconds must do. Frames in between are
not painted. Right before it writes the NTH event of a kind into a journal it kills itself; with `none:0` it never does.
"""

import os
import signal
import sys
from functools import partial
from typing import Any

from nearest_frame import NearestFrame

from property_video.cli import main
from property_video.core.ladder import Policy
from property_video.core.ledger import Event
from property_video.media import conform
from property_video.orders import buyer
from property_video.orders.journal import Journal

CALL_S, LAG_S = 4.0, 1.0


def kill_before(kind: str, nth: int) -> None:
    append, seen = Journal.append, 0

    def counted(self: Journal, order: str, event: Event) -> Any:
        nonlocal seen
        seen += event.kind == kind
        if event.kind == kind and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return append(self, order, event)

    Journal.append = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    kind, _, nth = sys.argv.pop(1).partition(":")
    kill_before(kind, int(nth))
    conform.InBetween = NearestFrame  # type: ignore[misc,assignment]
    buyer.Policy = partial(Policy, call_s=CALL_S, lag_s=LAG_S)  # type: ignore[misc,assignment]
    main()
