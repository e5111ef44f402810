"""Deleting a campaign: nothing of it is left but what was paid, and a later one of its name starts anew."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from studio_kit import Studio, write_photo

from property_video.core.edits import Edit
from property_video.core.errors import BadInput, CampaignBusy, PropertyVideoError
from property_video.core.ledger import (
    Booked,
    Claimed,
    Downloaded,
    Intent,
    Observed,
    Owner,
    Placed,
    Reserved,
    Sending,
    Settled,
)
from property_video.core.photo import UploadedPhotos
from property_video.engine.backfilling import launch
from property_video.engine.deleting import ClosedAccount, delete_campaign, estate_of
from property_video.orders.budget import Budget
from property_video.orders.journal import Journal
from property_video.store import keys
from property_video.store.edits import add_edit, read_edits
from property_video.store.leases import campaign_lease

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
ME = Owner(host="here", pid=1, started="1")


def everything(studio: Studio) -> dict[str, bytes]:
    """All files of store and uploads by path, but locks and scratch."""
    root = studio.settings.home.parent
    files = (path for part in ("store", "uploads") for path in (root / part).rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files if path.suffix != ".lock"}


def buys(studio: Studio, *, booked: bool = True) -> None:
    """An order in the campaign's journal and accounts, with words that are nobody's business later."""
    budget = Budget(studio.store, studio.campaign, "Costa Lenta Estates", campaign_limit=10**9, month_limit=10**9)
    accounts = budget.accounts(AT)
    intent = f"{studio.campaign}.scene_1-abc.1"
    begun = Intent(
        at=AT, attempt=1, intent=intent, rung="replicate:a/b", provider="replicate", model="a/b", version=None,
        expect="video", price=350_000, bills_time=False, traceable=True, accounts=accounts,
    )  # fmt: skip
    journal = Journal(studio.store, studio.campaign)
    events = [
        Claimed(at=AT, owner=ME),
        begun,
        Reserved(at=AT),
        Sending(at=AT, inputs={"prompt": "The heated pool of Oak Street 12"}, cancel_after_s=600),
        Placed(at=AT, prediction="pred-1"),
        Observed(at=AT, status="succeeded", started=True),
        Downloaded(at=AT, raw="media/ab/raw.mp4"),
        Settled(at=AT, output="takes/x"),
    ]
    for event in [*events, Booked(at=AT, attempt=1, cost=350_000)] if booked else events[:5]:
        journal.append("scene_1-abc", event)
    budget.reserve(intent, 350_000, accounts)
    if booked:
        budget.settle(intent, 350_000, accounts)


def test_everything_that_tells_of_a_campaign_is_gone_but_what_was_paid(studio: Studio):
    buys(studio)
    add_edit(studio.store, studio.campaign, Edit(scene="scene_1", values={"seed": 4}))
    studio.instance.create_run_for_job(
        job_def=dg.GraphDefinition(name="film").to_job(),
        status=dg.DagsterRunStatus.SUCCESS,
        tags={"dagster/partition": studio.campaign},
    )
    studio.instance.add_dynamic_partitions("campaign", [studio.campaign, "other"])
    deleted = delete_campaign(studio.settings, studio.instance, studio.campaign)
    assert deleted.estate.spent == 350_000
    assert deleted.pruned is not None
    assert deleted.pruned.media > 10
    assert not studio.folder.exists()
    assert studio.instance.get_runs() == []
    assert studio.instance.get_dynamic_partitions("campaign") == ["other"]

    left = everything(studio)
    told = [name for name in left if studio.campaign in name and not name.startswith("store/changes/")]
    assert told == []
    for word in (studio.campaign, "Oak Street", "heated pool", "marta@agency.example", "bedroom"):
        assert [name for name, content in left.items() if word.encode() in content] == [], word
    assert not [name for name in left if "/media/" in name]
    (closed,) = [name for name in left if "closed-accounts" in name]
    account = ClosedAccount.model_validate_json(left[closed])
    assert (account.spent, [attempt.prediction for attempt in account.attempts]) == (350_000, ["pred-1"])


def test_what_a_deleted_campaign_has_cost_still_counts_for_its_clients_month(studio: Studio):
    buys(studio)
    delete_campaign(studio.settings, studio.instance, studio.campaign)
    budget = Budget(studio.store, "later", "Costa Lenta Estates", campaign_limit=10**9, month_limit=400_000)
    accounts = budget.accounts(AT)
    assert "spent or held" in budget.reserve("later.x.1", 100_000, accounts)
    assert budget.reserve("later.y.1", 50_000, accounts) == ""


def test_a_later_upload_of_the_same_name_starts_anew(studio: Studio):
    add_edit(studio.store, studio.campaign, Edit(scene="scene_1", values={"seed": 4}))
    before = studio.film()
    delete_campaign(studio.settings, studio.instance, studio.campaign)
    write_photo(studio.folder / "pool.jpg", 21)
    assert read_edits(studio.store, studio.campaign).scenes == {}
    film = studio.made()
    assert film.fingerprint != before.fingerprint
    assert studio.clips.calls, "nothing of the earlier film was found"


def test_photos_that_another_campaign_has_as_well_stay(studio: Studio):
    studio.store.write(keys.record("uploaded_photos", "elm"), studio.record("uploaded_photos", UploadedPhotos))
    delete_campaign(studio.settings, studio.instance, studio.campaign)
    uploaded = studio.store.read(keys.record("uploaded_photos", "elm"), UploadedPhotos)
    assert uploaded is not None
    for photo in uploaded.photos:
        assert studio.store.media_path(photo.preview).is_file()


@pytest.mark.parametrize("number", range(1, 60, 7))
def test_killed_in_the_middle_the_same_command_goes_on(studio: Studio, monkeypatch, number: int):
    buys(studio)
    removed = 0
    remove = type(studio.store).remove

    class Killed(BaseException):
        pass

    def dies(self, key: str) -> int:
        nonlocal removed
        removed += 1
        if removed == number:
            raise Killed
        return remove(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(type(studio.store), "remove", dies)
        with pytest.raises(Killed):
            delete_campaign(studio.settings, studio.instance, studio.campaign)
    delete_campaign(studio.settings, studio.instance, studio.campaign)
    left = everything(studio)
    assert [name for name in left if studio.campaign in name and "/changes/" not in name] == []
    assert len([name for name in left if "closed-accounts" in name]) == 1


def test_a_campaign_that_is_being_made_is_not_deleted(studio: Studio):
    with campaign_lease(studio.store, studio.campaign, "a-run", wait_s=0), pytest.raises(CampaignBusy):
        delete_campaign(studio.settings, studio.instance, studio.campaign)
    run = studio.instance.create_run_for_job(
        job_def=dg.GraphDefinition(name="film").to_job(),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": studio.campaign},
    )
    with pytest.raises(CampaignBusy, match="queued or under way"):
        delete_campaign(studio.settings, studio.instance, studio.campaign)
    studio.instance.delete_run(run.run_id)
    assert studio.folder.is_dir()


def test_a_campaign_in_a_backfill_that_is_under_way_is_not_deleted(studio: Studio):
    found = launch(studio.settings, studio.instance, [studio.campaign], 1_800_000_000.0)
    with pytest.raises(CampaignBusy, match=found):
        delete_campaign(studio.settings, studio.instance, studio.campaign)
    assert studio.folder.is_dir()


def test_a_campaign_with_an_order_under_way_is_not_deleted(studio: Studio):
    buys(studio, booked=False)
    with pytest.raises(PropertyVideoError, match="under way at a provider"):
        delete_campaign(studio.settings, studio.instance, studio.campaign)
    assert studio.folder.is_dir()


def test_an_unknown_campaign_is_told(studio: Studio):
    with pytest.raises(BadInput, match="no campaign"):
        estate_of(studio.settings, studio.instance, "nonsense")
