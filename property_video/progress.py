"""How far a film is, on a terminal or in a log.

Not here: who tells it (defs/resources.py: Progress).
"""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

STEPS = {
    "uploaded_photos": "Reading photos",
    "photo_analysis": "Looking at photos",
    "audio_track": "Composing",
}


def title_of(step: str) -> str:
    """What people read for a step's name."""
    return STEPS.get(step, step.replace("_", " ").capitalize())


class Bars:
    """A bar for each step that takes time, scene by scene."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<18}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(), console=console,
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` units of a step are done."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(title_of(step), total=total)
        self._progress.update(self._tasks[step], completed=done, total=total)


class Lines:
    """A line when a step begins and one when it is done: for logs, where a bar would be noise."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: set[str] = set()

    def __call__(self, step: str, done: int, total: int) -> None:
        """`done` of `total` units of a step are done."""
        if step not in self._begun:
            self._begun.add(step)
            self._console.print(f"{title_of(step)} …")
        if done >= total:
            self._console.print(f"{title_of(step)}: done")
