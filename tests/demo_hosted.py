"""The sample film with clips, music and choice of hosted models, emulated on this machine: `make demo-hosted`.

The models are emulated, everything else is the product: the command line, the clients of the services, downloads,
journal and budget. It says where the film is, what the ledger says it cost, and what the services would have charged.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from emulators.openai import ChatService
from emulators.replicate import ReplicateEmulator

from property_video.core.ladder import Outcome, outcome, withdrawn
from property_video.core.money import in_usd
from property_video.orders.journal import Journal
from property_video.settings import PACKAGE
from property_video.store.local import LocalStore

CAMPAIGN = "villa-solana-hosted"

WISHES = {
    "providers": {
        "choice": ["xai:grok-4.5", "embedded"],
        "video": ["replicate:kwaivgi/kling-v2.5-turbo-pro", "replicate:google/veo-3.1-fast", "embedded"],
        "music": ["replicate:stability-ai/stable-audio-2.5", "embedded"],
    },
    "budget_usd": 4.00,
}


def main() -> int:
    """Make the film; the exit code is that of `property-video make`."""
    root = Path(tempfile.mkdtemp(prefix="property-video-demo-"))
    photos = root / "photos"
    shutil.copytree(PACKAGE / "sample", photos, ignore=shutil.ignore_patterns("LICENSE", "*.md"))
    brief = photos / "campaign.yaml"
    told = yaml.safe_load(brief.read_text(encoding="utf-8")) if brief.exists() else {}
    brief.write_text(yaml.safe_dump({**told, **WISHES}, sort_keys=False), encoding="utf-8")
    with ReplicateEmulator(root / "emulated", speed=10.0) as replicate, ChatService("xai") as xai:
        made = subprocess.run(
            [sys.executable, "-m", "property_video.cli", "make", str(photos), "--campaign", CAMPAIGN],
            env={
                **os.environ,
                "DAGSTER_HOME": str(root / "home"),
                "PROPERTY_VIDEO_STORE": str(root / "store"),
                "PROPERTY_VIDEO_UPLOADS": str(root / "uploads"),
                "REPLICATE_API_TOKEN": replicate.token,
                "REPLICATE_BASE_URL": replicate.url,
                "XAI_API_KEY": xai.key,
                "XAI_BASE_URL": xai.url,
            },
            check=False,
        )
        tell(LocalStore(root / "store"))
        sys.stdout.write(
            f"The services' bill: {replicate.spent_usd():.4f} USD by Replicate for {len(replicate.bill)} predictions, "
            f"{in_usd(xai.spent):.4f} USD by xAI for {len(xai.bill)} answers. All of it is emulated.\n"
        )
    return made.returncode


def tell(store: LocalStore) -> None:
    """Print the ledger."""
    journal = Journal(store, CAMPAIGN)
    outcomes = sorted((outcome_of(journal, order) for order in journal.orders()), key=lambda each: each.order)
    sys.stdout.write("\nLedger\n")
    for each in outcomes:
        name = each.order.rpartition("-")[0]
        sys.stdout.write(f"  {name:<14} {each.rung:<42} {each.attempts} attempts {in_usd(each.cost):8.4f} USD\n")
    sys.stdout.write(f"  {'all':<14} {'':<42} {'':<10} {in_usd(sum(each.cost for each in outcomes)):8.4f} USD\n")


def outcome_of(journal: Journal, order: str) -> Outcome:
    """How an order ended."""
    return outcome(withdrawn(order, CAMPAIGN), journal.state(order))


if __name__ == "__main__":
    sys.exit(main())
