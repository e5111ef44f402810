"""Every kind of trouble that a vision model makes ends in a delivered film that says who chose its photos, and why."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from emulators.openai import ChatService
from fakes import FakeClips, FakeTracks, Shelf
from studio_kit import BRIEF, Studio, settings_in

from property_video.core.money import micros
from property_video.definitions import build_means
from property_video.orders.journal import Journal
from property_video.settings import Access

GROK, MINI = "xai:grok-4.5", "openai:gpt-5.4-mini"


@dataclass(frozen=True)
class Case:
    """A knob of the first vendor's.

    Attributes:
        kind: the knob.
        value: how it is turned.
        nth: at which calls; all, if empty.
        chosen_by: who chooses in spite of it.
        lost: whether the answer may have been made: then it counts as spent, and the bill may be lower.
    """

    kind: str
    value: Any = None
    nth: tuple[int, ...] = ()
    chosen_by: str = GROK
    lost: bool = False


CASES = {
    "an answer is cut short": Case("length"),
    "an answer is filtered": Case("content_filter", chosen_by=MINI),
    "a model refuses": Case("refusal", chosen_by=MINI),
    "JSON comes in a fence": Case("fenced_json"),
    "JSON is broken": Case("broken_json"),
    "an answer is no JSON": Case("nonsense", chosen_by=MINI),
    "a photo is made up": Case("bad_enum"),
    "pairs repeat": Case("duplicate_pairs"),
    "there is no content": Case("null_content", chosen_by=MINI),
    "there are no choices": Case("choices_empty", chosen_by=MINI),
    "choices are null": Case("choices_null", chosen_by=MINI),
    "nobody says what was used": Case("no_usage", lost=True),
    "the quota is used up": Case("insufficient_quota", chosen_by=MINI),
    "it is throttled once": Case("rate_limit", 2, nth=(1, 3)),
    "it is throttled without a time": Case("rate_limit", None, nth=(1,)),
    "it fails once": Case("status", 503, nth=(1, 3)),
    "it never gets the request": Case("drop_before_commit", chosen_by="", lost=True),
    "its answer is lost": Case("drop_after_commit", chosen_by="", lost=True),
    "its answer is a page": Case("html", chosen_by="", lost=True),
    "its answer is truncated": Case("truncated", chosen_by="", lost=True),
}

pytestmark = pytest.mark.slow


class Clock:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.mark.parametrize("name", CASES)
def test_the_film_is_delivered_when(
    name: str, finished: Studio, tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    case = CASES[name]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for part in ("store", "uploads"):
        shutil.copytree(finished.settings.home.parent / part, tmp_path / part)
    with ChatService("xai") as grok, ChatService("openai") as mini, dg.DagsterInstance.ephemeral() as ephemeral:
        services = {"xai": Access(grok.key, grok.url), "openai": Access(mini.key, mini.url)}
        clock, settings = Clock(), replace(settings_in(tmp_path), services=services)
        studio = Studio(settings, ephemeral, FakeClips(shelf), FakeTracks(shelf))
        studio.replacements["means"] = replace(build_means(settings), clock=clock.now, sleep=clock.sleep)
        brief = f"{BRIEF}providers: {{choice: ['{GROK}', '{MINI}']}}\nbudget_usd: 2\n"
        (studio.folder / "campaign.yaml").write_text(brief, encoding="utf-8")
        grok.knobs.turn(case.kind, value=case.value, nth=case.nth)

        film = studio.made()

        journal = Journal(studio.store, studio.campaign)
        spent = sum(journal.state(order).cost for order in journal.orders())
        assert film.choices[0].provider == (case.chosen_by or "embedded")
        assert micros(film.cost_usd) == spent
        billed = grok.spent + mini.spent
        assert spent >= billed if case.lost else spent == billed
        assert case.chosen_by == GROK or film.choices[0].warnings
