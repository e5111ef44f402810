import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from property_video.core.errors import CampaignBusy, StoreError
from property_video.store.leases import campaign_lease, whole_store
from property_video.store.local import LocalStore

HOLDER = """
import subprocess, sys
from pathlib import Path
from property_video.store.leases import campaign_lease
from property_video.store.local import LocalStore
store, campaign, run = LocalStore(Path(sys.argv[1])), *sys.argv[2:4]
with campaign_lease(store, campaign, run, wait_s=0):
    child = subprocess.Popen(["sleep", "60"])
    print("held", flush=True)
    sys.stdin.read()
    child.kill()
"""
"""Holds a campaign until its input ends, with a program running that it started meanwhile."""


@contextmanager
def held_elsewhere(store: LocalStore, campaign: str, run: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds a campaign; it ends when its input is closed."""
    command = [sys.executable, "-c", HOLDER, str(store.root), campaign, run]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=10)


def nobody_waits(seconds: float) -> None:
    raise AssertionError("it waited")


def test_a_campaign_is_held_by_one_run_at_a_time(store: LocalStore):
    with held_elsewhere(store, "oak", "run-of-a-friend") as process:
        message = rf"oak is held by run run-of-a \(process {process.pid}\)"
        with pytest.raises(CampaignBusy, match=message), campaign_lease(store, "oak", "mine", wait_s=0):
            pass


def test_other_campaigns_are_not_hindered(store: LocalStore):
    with held_elsewhere(store, "oak", "theirs"), campaign_lease(store, "elm", "mine", wait_s=0, sleep=nobody_waits):
        pass


def test_a_run_waits_for_its_campaign_and_says_once_for_whom(store: LocalStore):
    polls, told = [], []
    with held_elsewhere(store, "oak", "theirs") as process:

        def sleep(seconds: float) -> None:
            polls.append(seconds)
            if len(polls) == 3:
                end(process)

        with campaign_lease(store, "oak", "mine", wait_s=60, on_wait=told.append, sleep=sleep):
            assert len(polls) == 3
    assert told == [f"run theirs (process {process.pid})"]


def test_waiting_ends_at_its_time(store: LocalStore):
    clock, polls = iter([0.0, 4.0, 9.0, 11.0]), []
    waiting = campaign_lease(store, "oak", "mine", wait_s=10, clock=lambda: next(clock), sleep=polls.append)
    with held_elsewhere(store, "oak", "theirs"), pytest.raises(CampaignBusy), waiting:
        pass
    assert len(polls) == 2


def test_a_killed_run_gives_its_campaign_back_though_a_program_it_started_lives(store: LocalStore):
    with held_elsewhere(store, "oak", "theirs") as process:
        process.kill()
        process.wait(timeout=10)
        with campaign_lease(store, "oak", "mine", wait_s=5):
            pass


def test_processes_of_one_run_hold_its_campaign_together(store: LocalStore):
    with held_elsewhere(store, "oak", "ours"), campaign_lease(store, "oak", "ours", wait_s=0, sleep=nobody_waits):
        pass


def test_a_run_enters_its_campaign_again_and_still_holds_it_afterwards(store: LocalStore):
    with campaign_lease(store, "oak", "mine", wait_s=0):
        with campaign_lease(store, "oak", "mine", wait_s=0, sleep=nobody_waits):
            pass
        with pytest.raises(CampaignBusy), campaign_lease(store, "oak", "another", wait_s=0):
            pass


def test_a_film_that_failed_gives_its_campaign_back(store: LocalStore):
    with pytest.raises(ZeroDivisionError), campaign_lease(store, "oak", "mine", wait_s=0):
        _ = 1 / 0
    with campaign_lease(store, "oak", "another", wait_s=0, sleep=nobody_waits):
        pass


def test_pruning_refuses_while_any_film_is_made(store: LocalStore):
    with held_elsewhere(store, "oak", "theirs") as process:
        with pytest.raises(CampaignBusy, match="A film is being made"), whole_store(store):
            pass
        end(process)
        with whole_store(store):
            pass


def test_a_run_waits_for_pruning_and_says_so(store: LocalStore):
    lease = campaign_lease(store, "oak", "mine", wait_s=0)
    with whole_store(store), pytest.raises(CampaignBusy, match="oak is held by `property-video prune`"), lease:
        pass


def test_a_store_that_cannot_be_locked_is_told_with_its_file(store: LocalStore):
    store.root.mkdir(parents=True)
    (store.root / "leases").write_text("not a folder")
    with pytest.raises(StoreError, match="leases"), campaign_lease(store, "oak", "mine", wait_s=0):
        pass
