"""Photos are looked at in a process of its own: the network's memory is gone before rendering starts.

The child reads the previews' paths, one JSON string a line, until its input ends. Then it answers: a line that says
whether the network could be built, and a line for each preview in order, an object with the fields of a `Look`. Two
threads share one network; OpenCV's own threads stay off, because they win nothing at this size.

Not here: what is measured (look.py), decoding of uploaded files (photo_worker.py).
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from property_video.core.errors import BadPhoto, BadWeights, PropertyVideoError

if TYPE_CHECKING:
    from property_video.core.photo import Look

THREADS: Final = 2

_M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""


def look_at_all(previews: Sequence[Path], on_look: Callable[[int, "Look"], None]) -> str:
    """Look at previews, in order.

    Args:
        previews: files as `read_photo.prepare_photo` writes them.
        on_look: is given each one's index and look, as soon as it is there.

    Returns:
        Why the looks lack what only the network tells; empty when they lack nothing.

    Raises:
        BadPhoto: a preview cannot be decoded.
        PropertyVideoError: the process ended before it was done.
    """
    from property_video.core.photo import Look

    if not previews:
        return ""
    # -P: a json.py in the working directory must not become part of the child.
    command = (sys.executable, "-P", "-m", __name__)
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", errors="replace"
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            answers = _answers(child, previews)
            warning = str(next(answers)["warning"])
            for index, said in enumerate(answers):
                if "error" in said:
                    raise BadPhoto(said["error"], said["remedy"])
                on_look(index, Look(**said))
        finally:
            child.kill()
    return warning


def _answers(child: "subprocess.Popen[str]", previews: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The child's answers, one more than there are previews."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        child.stdin.writelines(json.dumps(str(preview)) + "\n" for preview in previews)
        child.stdin.close()
    except BrokenPipeError:
        pass  # it is gone: told below
    for _ in range(len(previews) + 1):
        line = child.stdout.readline()
        if not line.endswith("\n"):
            last_words = child.stderr.read().strip().splitlines()[-1:]
            raise PropertyVideoError(
                f"The process that looks at photos ended with code {child.wait()}. {' '.join(last_words)}".strip(),
                "Run again; if it stays, run `property-video doctor`.",
            )
        yield json.loads(line)


def main() -> None:
    """Be the child."""
    import cv2

    from property_video.media.look import Eyes, look_fields

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    _share_one_heap()
    previews = [Path(json.loads(line)) for line in sys.stdin]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    warning = ""
    try:
        eyes = Eyes()
    except BadWeights as error:
        eyes, warning = None, f"{error.reason} {error.remedy}".strip()

    def look(preview: Path) -> dict[str, Any]:
        try:
            return look_fields(preview, eyes)
        except BadPhoto as error:
            return {"error": error.reason, "remedy": error.remedy}

    _say(answers, [{"warning": warning}])
    with ThreadPoolExecutor(THREADS) as threads:
        _say(answers, threads.map(look, previews))


def _share_one_heap() -> None:
    """Let the threads share one heap: with one each, glibc keeps 70 MB more of what they have freed.

    The peak is 205 instead of 275 MB and CPU time the same; other C libraries know no such option.
    """
    option = getattr(ctypes.CDLL(None), "mallopt", None)
    if option is not None:
        option(_M_ARENA_MAX, 1)


def _say(answers: Any, said: Iterable[dict[str, Any]]) -> None:
    for each in said:
        answers.write(json.dumps(each) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
