"""What many campaigns cost: the rows are what they say, and the quick run goes through all of them."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from property_video.bench.report import machine
from property_video.bench.scale import CLIPS, Row, measure, table, write_json
from property_video.bench.waiting import WAIT_S, wait_for
from property_video.core.ladder import poll_after_s

ROWS = [
    Row(what="tick, 100 campaigns, 10 new", value=0.06, unit="CPU s", goal=1.0),
    Row(what="100 MB into S3", value=75.0, unit="MB", goal=60.0, note="emulated"),
    Row(what="cold start", value=2.0, unit="CPU s"),
]


def shown(rows: list[Row]) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(table(rows))
    return out.getvalue()


def test_goals_that_are_met_and_missed_are_told_apart():
    lines = {line.split("│")[1].strip(): line for line in shown(ROWS).splitlines() if "│" in line}
    assert " ok " in lines["tick, 100 campaigns, 10 new"]
    assert " no " in lines["100 MB into S3"]
    assert " ok " not in lines["cold start"] and " no " not in lines["cold start"]


def test_the_file_has_the_machine_and_every_row(tmp_path: Path):
    write_json(ROWS, machine(), tmp_path / "scale.json")
    found = json.loads((tmp_path / "scale.json").read_text())
    assert [row["what"] for row in found["rows"]] == [row.what for row in ROWS]
    assert found["machine"]["cores"] >= 1


def test_waiting_clips_are_asked_for_as_often_as_the_pump_does(tmp_path: Path):
    asked = wait_for(2, tmp_path) / 2
    assert WAIT_S / poll_after_s(WAIT_S) < asked < WAIT_S / poll_after_s(0)


@pytest.mark.slow
def test_the_quick_run_measures_every_row(monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    rows = measure(quick=True, tell=told.append)
    assert len(rows) == 2 * 3 + 2 + 2 * len(CLIPS) + 2 + 3 + 5
    assert all(row.value >= 0 for row in rows)
    assert all(row.value <= row.goal for row in rows if row.goal is not None)
