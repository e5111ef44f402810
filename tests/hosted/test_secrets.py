"""No key and no signed link in anything that a run wrote or said."""

import re
import shutil
from pathlib import Path

import pytest
from emulators.openai import ChatService
from emulators.replicate import ReplicateEmulator
from hosted_kit import KLING, STABLE, VEO
from make_kit import Place, write_listing

from property_video.definitions import build_means
from property_video.providers.replicate.api import ReplicateApi
from property_video.settings import read_settings

TOKEN = "r8_RECOGNIZABLE4REPLICATE4TOKEN000000000"
XAI_KEY, OPENAI_KEY = "xai-RECOGNIZABLE-KEY-0002", "sk-RECOGNIZABLE-KEY-0003"
SIGNATURE, FOREIGN = "RECOGNIZABLEsignature0004", "RECOGNIZABLEsignature0005"
SECRETS = (TOKEN, XAI_KEY, OPENAI_KEY, SIGNATURE, FOREIGN)

HURRIED = Path(__file__).parent / "hurried.py"

BRIEF = f"""scene_seconds: 2
providers:
  choice: ["xai:grok-4.5", "openai:gpt-5.4-mini"]
  video: ["{VEO}", "{KLING}"]
  music: ["{STABLE}"]
budget_usd: 4.00
"""


def trouble(service: ReplicateEmulator) -> None:
    """Everything that makes a client speak of links: errors that quote them, broken downloads, lost answers."""
    quoting = f"Could not fetch https://photos.example/1.jpg?X-Amz-Signature={FOREIGN} with {TOKEN} (E006)"
    service.knob("fail", route="run", value=quoting, nth=1)
    service.knob("drop_after_commit", route="create", nth=2)
    service.knob("status", route="download", value=403, nth=1)
    service.knob("truncate", route="download", value="with", nth=2)
    service.knob("status", route="create", value=(422, f"- input.image: {quoting}"), nth=3)
    service.knob("status", route="get", value=500, nth=(3, 4, 5))


def found_in(content: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in content]


@pytest.mark.slow
def test_no_key_and_no_signed_link_is_in_anything_that_a_film_wrote_or_said(tmp_path: Path):
    photos = write_listing(tmp_path / "photos")
    (photos / "campaign.yaml").write_text(BRIEF, encoding="utf-8")
    root = tmp_path / "written"
    with (
        ReplicateEmulator(tmp_path / "outputs", speed=60.0, scale=0.2) as replicate,
        ChatService("xai", XAI_KEY) as xai,
        ChatService("openai", OPENAI_KEY) as openai,
    ):
        replicate.accounts[TOKEN] = replicate.accounts.pop(replicate.token)
        replicate.signature = SIGNATURE
        xai.knobs.turn("refusal")
        trouble(replicate)
        process = Place(root, photos).start(
            program=(str(HURRIED), "none:0", "make"),
            environment={
                "REPLICATE_API_TOKEN": TOKEN,
                "REPLICATE_BASE_URL": replicate.url,
                "XAI_API_KEY": XAI_KEY,
                "XAI_BASE_URL": xai.url,
                "OPENAI_API_KEY": OPENAI_KEY,
                "OPENAI_BASE_URL": openai.url,
            },
        )
        said, complained = process.communicate(timeout=280)
        assert process.returncode == 0, complained
        assert len(replicate.created()) >= 3
        assert any(SIGNATURE in str(each.input) + str(each.output) for each in replicate.created())
        assert replicate.orphans() == []

    assert found_in(said.encode()) == found_in(complained.encode()) == []
    files = [path for path in root.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert any("journal" in path.parts for path in files)
    for path in files:
        content = path.read_bytes()
        assert found_in(content) == [], path
        assert not re.search(rb"[?&](?:X-Amz-)?[Ss]ignature=(?!\*)[A-Za-z0-9]", content), path
    shutil.rmtree(root)


def test_nothing_that_holds_a_key_shows_it():
    environment = {"REPLICATE_API_TOKEN": TOKEN, "XAI_API_KEY": XAI_KEY, "OPENAI_API_KEY": OPENAI_KEY}
    settings = read_settings(environment)
    means = build_means(settings)
    with means.services() as services, ReplicateApi(TOKEN) as api:
        for thing in (settings, settings.services, means, dict(means.asking), services, api, api.__dict__):
            assert found_in(f"{thing!r} {thing!s}".encode()) == []
