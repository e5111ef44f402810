"""Photos are decoded in processes of their own, so that a crash, a hang or a memory bomb costs one photo.

The parent holds up to two children and hands them one photo at a time, as lines of JSON on their standard input;
a child answers each line with one line. File names travel as JSON escapes, so that any name works. A child kills
itself when a photo takes too long (an alarm that nothing in it can postpone) and ends when its input ends, which
also happens when its parent is killed.

Not here: what is done with one photo (read_photo.py).
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from property_video.core.errors import BadPhoto, PropertyVideoError, StoreError, StoreFull

if TYPE_CHECKING:
    from property_video.core.photo import Reading

MEMORY: Final = 1_500_000_000
"""Bytes of address space of one child. Every legal file loads under 1.0 GB (photos.md, section 7)."""

SECONDS: Final = 20.0
"""What one photo may take. The slowest legal ones (48-megapixel HEIC) take 3 s of one core."""

CHILDREN: Final = 2
"""At most: two decoders of big photos fit beside a renderer."""

_FEW: Final = 4
"""Fewer photos than this are done by one child: starting a second one costs as much as reading two photos."""

_ERRORS: Final = {kind.__name__: kind for kind in (BadPhoto, StoreError, StoreFull)}
"""What a child may report, by name."""

Outcome: TypeAlias = "Reading | BadPhoto"


@dataclass(frozen=True)
class PhotoJob:
    """One file to read and where its two copies go; see `read_photo.prepare_photo`."""

    source: Path
    working: Path
    preview: Path


class PhotoWorkers:
    """Up to `CHILDREN` decoding processes, started when first needed and gone after the `with` block.

    Args:
        seconds: wall time one photo may take before its process is ended.
        command: what starts a child; it is given `seconds` as its last argument.
    """

    def __init__(self, *, seconds: float = SECONDS, command: Sequence[str] = ()) -> None:
        # -P: a json.py in the working directory must not become part of the child.
        self._command = (*(command or (sys.executable, "-P", "-m", __name__)), str(seconds))
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
            child.close()
        self._children.clear()

    def prepare_many(
        self, jobs: Sequence[PhotoJob], on_done: Callable[[PhotoJob, Outcome], None] | None = None
    ) -> list[Outcome]:
        """Read all files; the outcomes are in the order of `jobs`, and one bad file never hinders the others.

        `on_done` is called in this thread after each file, in the order in which they are finished.

        Raises:
            StoreError: a copy cannot be written.
            PropertyVideoError: no child can be started.
        """
        if not jobs:
            return []
        children = self._enough_children(len(jobs))
        todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(jobs)):
            todo.put(index)
        done: queue.SimpleQueue[tuple[int, Outcome | Exception]] = queue.SimpleQueue()
        threads = [threading.Thread(target=_drive, args=(child, jobs, todo, done), daemon=True) for child in children]
        for thread in threads:
            thread.start()
        try:
            return _gathered(jobs, done, on_done)
        except BaseException:
            for child in self._children:
                child.kill()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _enough_children(self, photos: int) -> "list[_Child]":
        wanted = 1 if photos < _FEW else CHILDREN
        while len(self._children) < wanted:
            self._children.append(_Child(self._command))
        return self._children[:wanted]


def _gathered(
    jobs: Sequence[PhotoJob],
    done: "queue.SimpleQueue[tuple[int, Outcome | Exception]]",
    on_done: Callable[[PhotoJob, Outcome], None] | None,
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    while len(outcomes) < len(jobs):
        index, outcome = done.get()
        if isinstance(outcome, Exception) and not isinstance(outcome, BadPhoto):
            raise outcome
        outcomes[index] = outcome
        if on_done:
            on_done(jobs[index], outcome)
    return [outcomes[index] for index in range(len(jobs))]


def _drive(
    child: "_Child",
    jobs: Sequence[PhotoJob],
    todo: "queue.SimpleQueue[int]",
    done: "queue.SimpleQueue[tuple[int, Outcome | Exception]]",
) -> None:
    """Give one child photos until there are no more."""
    while True:
        try:
            index = todo.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((index, child.prepare(jobs[index])))
        except Exception as error:  # handed over to the calling thread, which raises it
            done.put((index, error))
            return


class _Child:
    """One decoding process, started at its first photo and again after it died."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None
        self._killed = False
        self._lock = threading.Lock()

    def prepare(self, job: PhotoJob) -> Outcome:
        """Have one photo read."""
        process = self._running()
        answer = _answer(process, [str(job.source), str(job.working), str(job.preview)])
        if answer is not None:
            return _outcome(answer)
        code = process.wait()
        self.close()
        for folder in {job.working.parent, job.preview.parent}:
            for partial in folder.glob(f".*.{process.pid}.partial*"):
                partial.unlink(missing_ok=True)
        if code == -signal.SIGALRM:
            return BadPhoto(f"took longer than {float(self._command[-1]):g} s to decode.", "Export it again as JPEG.")
        return BadPhoto(f"could not be decoded safely: its decoder ended with code {code}.", "Export it again as JPEG.")

    def kill(self) -> None:
        """End the process now and for good, from any thread."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """Leave nothing of a process that has ended or was killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _running(self) -> "subprocess.Popen[str]":
        with self._lock:
            if self._killed:
                raise PropertyVideoError("Reading photos was interrupted.")
            if self._process is not None and self._process.poll() is None:
                return self._process
            self.close()
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", errors="replace"
            )
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != _READY:
            last_words = process.stderr.read().strip().splitlines()[-1:]
            raise PropertyVideoError(
                f"The process that reads photos does not start: {' '.join(last_words) or 'it says nothing'}.",
                "Run `property-video doctor`.",
            )
        return process


_READY: Final = "ready\n"


def _answer(process: "subprocess.Popen[str]", question: list[str]) -> str | None:
    """The child's line in reply to `question`; None when it died over it."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if line.endswith("\n"):
            return line
    return None


def _outcome(answer: str) -> Outcome:
    from property_video.core.photo import Reading

    said = json.loads(answer)
    if "error" not in said:
        return Reading(**said)
    error = _ERRORS[said["error"]](said["reason"], said["remedy"])
    if isinstance(error, BadPhoto):
        return error
    raise error


def main() -> None:
    """Be a child: read one question a line from standard input, answer with one line each, end with the input."""
    seconds = float(sys.argv[-1])
    _confine()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    answers.write(_READY)
    answers.flush()
    _silence_decoders()
    for question in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        said = _reply(*map(Path, json.loads(question)))
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(json.dumps(said) + "\n")
        answers.flush()


def _confine() -> None:
    """Limit what a decoder may take, and let only the alarm and the parent end this process."""
    import resource

    with contextlib.suppress(ValueError, OSError):  # some systems refuse to limit addresses
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


def _silence_decoders() -> None:
    """Decoders print to both streams; the answers have a descriptor of their own."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _reply(source: Path, working: Path, preview: Path) -> dict[str, Any]:
    from property_video.media.read_photo import reading_fields

    try:
        return reading_fields(source, working, preview)
    except (BadPhoto, StoreError) as error:
        return {"error": type(error).__name__, "reason": error.reason, "remedy": error.remedy}


if __name__ == "__main__":
    main()
