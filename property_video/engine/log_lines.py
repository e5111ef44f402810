"""Log lines for machines: one JSON object a line, beside what Dagster prints for people.

Dagster hands every event and message of a run to the handlers that dagster.yaml names under `python_logs`: `LineFile`
on one machine, `LineStream` in containers, whose standard output somebody collects. What a daemon decides about a run
whose process is gone is not among them; the run history has it, and so has `property-video log`.

Not here: what a line is (core/story.py), reading a campaign's story (story.py).
"""

import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg

from property_video.core.story import Line, scene_of
from property_video.settings import read_settings

KEEP_DAYS: Final = 30
"""Files of lines older than that are removed when a new one is begun."""

RUN: Final = "run"
CRASHED: Final = "Run execution process"
"""How the code server begins when it tells how a run's process ended that should not have."""

NOTHING: Final = "nothing"
"""What final_video shows where no piece fell."""

_RUN_EVENTS: Final = {
    dg.DagsterEventType.RUN_ENQUEUED: "queued",
    dg.DagsterEventType.RUN_START: "begun",
    dg.DagsterEventType.RUN_SUCCESS: "done",
    dg.DagsterEventType.RUN_FAILURE: "failed",
    dg.DagsterEventType.RUN_CANCELED: "canceled",
}


class _Lines(logging.Handler):
    """Turns records of Dagster's into lines and writes those; a line that finds no room is lost, never a film."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's line, if it makes one."""
        meta: Mapping[str, Any] = getattr(record, "dagster_meta", {})
        line = line_of(
            meta.get("dagster_event"),
            at=record.created,
            level=record.levelno,
            run=meta.get("run_id") or "",
            campaign=(meta.get("job_tags") or {}).get("dagster/partition", ""),
            stage=meta.get("step_key") or "",
            message=meta.get("orig_message", ""),
        )
        if line is not None:
            with suppress(OSError, ValueError):  # no room, or standard output is closed
                self.write(line)

    def write(self, line: Line) -> None:
        """Write a line where this handler writes."""
        raise NotImplementedError


class LineFile(_Lines):
    """Appends to `logs/<day>.jsonl` in the home, a file a day (UTC)."""

    def write(self, line: Line) -> None:
        """Append a line in one write, so that runs at the same time do not mix theirs."""
        file = read_settings().home / "logs" / f"{line.at:%Y-%m-%d}.jsonl"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _forget(file.parent, line.at - timedelta(days=KEEP_DAYS))
        with file.open("ab", buffering=0) as lines:
            lines.write(f"{in_json(line)}\n".encode())


class LineStream(_Lines):
    """Writes to standard output."""

    def write(self, line: Line) -> None:
        """Write a line at once: a killed process must not take it along."""
        sys.stdout.write(f"{in_json(line)}\n")
        sys.stdout.flush()


def _forget(folder: Path, before: datetime) -> None:
    for file in folder.glob("*.jsonl"):
        if file.stem < f"{before:%Y-%m-%d}":
            file.unlink(missing_ok=True)


def in_json(line: Line) -> str:
    """A line as one JSON object, without what means nothing for it."""
    return line.model_dump_json(exclude_defaults=True)


def line_of(
    event: dg.DagsterEvent | None, *, at: float, level: int, run: str, campaign: str, stage: str, message: str
) -> Line | None:
    """The line of an event or message of a run; None for what only matters to Dagster.

    Args:
        event: what happened; None for what a step said.
        at: when, in seconds since 1970.
        level: as in `logging`.
        run: the run's id.
        campaign: the run's partition, or "".
        stage: the step, or "" for the run itself.
        message: what was said, or the event's own words.
    """
    told = _said(level, message) if event is None else _told(event)
    if told is None:
        return None
    fields: dict[str, Any] = {"level": "info", **told}
    stage = stage or RUN
    return Line(
        at=datetime.fromtimestamp(at, UTC), campaign=campaign, run=run, stage=stage, scene=scene_of(stage), **fields
    )


def _said(level: int, message: str) -> dict[str, Any] | None:
    if level < logging.INFO:
        return None
    worth = "error" if level >= logging.ERROR else "warning" if level >= logging.WARNING else "info"
    return {"event": "said", "level": worth, "message": message}


def _told(event: dg.DagsterEvent) -> dict[str, Any] | None:
    kind = event.event_type
    if kind in _RUN_EVENTS:
        failed = kind is dg.DagsterEventType.RUN_FAILURE
        return {"event": _RUN_EVENTS[kind], **({"level": "error", "message": event.message or ""} if failed else {})}
    if event.is_engine_event and (event.message or "").startswith(CRASHED):
        return {"event": "crashed", "level": "error", "message": event.message}
    if kind is dg.DagsterEventType.STEP_START:
        return {"event": "begun"}
    if kind is dg.DagsterEventType.STEP_SUCCESS:
        return {"event": "done", "duration_s": round(event.step_success_data.duration_ms / 1000, 3)}
    if kind is dg.DagsterEventType.STEP_FAILURE:
        return {"event": "failed", "level": "error", "message": _why(event)}
    if kind is dg.DagsterEventType.STEP_UP_FOR_RETRY:
        return {"event": "to be tried again", "level": "warning", "message": _cause(event.step_retry_data.error)}
    if kind is dg.DagsterEventType.ASSET_MATERIALIZATION:
        return _made(event.step_materialization_data.materialization.metadata)
    if kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        worth = "warning" if check.severity is dg.AssetCheckSeverity.WARN else "error"
        return None if check.passed else {"event": "check", "level": worth, "message": f"{check.check_name} not passed"}
    return None


def _made(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    """What an asset's metadata (defs/assets) tells of who made it, in what time and at what price."""
    shown = {label: value.value for label, value in metadata.items()}
    if "left out" in shown:
        return {"event": "left out", "message": shown["left out"]}
    found, fell = shown.get("found") is True, shown.get("fell", "")
    return {
        "event": "found" if found else "made",
        "duration_s": None if found else shown.get("wall seconds"),
        "provider": shown.get("provider") or shown.get("chosen by") or "",
        "cost_usd": shown.get("cost in USD"),
        "message": "" if fell == NOTHING else fell,
    }


def _why(event: dg.DagsterEvent) -> str:
    failure = event.step_failure_data.user_failure_data
    return (failure.description if failure else None) or _cause(event.step_failure_data.error)


def _cause(error: Any) -> str:
    """The first line of the error at the bottom of a chain of them."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None and error.message.strip() else ""
