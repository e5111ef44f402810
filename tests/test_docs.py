"""Documents that cannot rot: every command, target, setting and file that they name exists, and the reverse."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from property_video.core.brief import Brief, parse_brief
from property_video.settings import read_settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PRODUCTION = ROOT / "dagster_home" / "production"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("CHANGELOG.md"))]

COMMANDS = (
    "make",
    "estimate",
    "upgrade",
    "orders",
    "demo",
    "dev",
    "edit",
    "log",
    "backfill",
    "delete",
    "films",
    "doctor",
    "prune",
    "bench",
)


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def everything() -> str:
    return "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)


def help_of(*words: str) -> str:
    """What the command line says of itself, as a user calls it."""
    command = [sys.executable, "-m", "property_video.cli", *words, "--help"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


# --- commands


def test_these_are_all_commands():
    from typer.main import get_command

    from property_video.cli import app

    assert set(get_command(app).commands) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_each_of_its_options_has_help_and_is_in_the_readme(command, readme):
    from typer.main import get_command

    from property_video.cli import app

    found = get_command(app).commands[command]
    assert found.help
    assert f"`property-video {command}" in readme
    for parameter in found.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{command} {parameter.name}"


def test_the_command_line_explains_itself():
    text = help_of()
    assert all(re.search(rf"\b{command}\b", text) for command in COMMANDS)
    assert "PHOTOS_DIR" in help_of("make").upper()


def test_every_command_that_a_document_shows_exists_with_its_options(everything):
    from typer.main import get_command

    from property_video.cli import app

    commands = get_command(app).commands
    for command, rest in re.findall(r"property-video ([a-z]+)([^`\n|]*)", everything):
        assert command in commands, command
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= known | {"--help"}, f"{command}{rest}"


# --- make targets


@pytest.fixture(scope="module")
def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", text, flags=re.MULTILINE))


def test_every_target_that_a_document_names_exists(everything, targets):
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", everything, flags=re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_every_target_says_what_it_does(targets):
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == set(re.findall(r"^([a-z-]+):.*## .+", text, flags=re.MULTILINE))


# --- settings


def environment_read() -> set[str]:
    """Names of environment variables in settings.py, wherever in its code."""
    tree = ast.parse((ROOT / "property_video" / "settings.py").read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", text)}


def test_every_setting_is_documented(everything):
    names = environment_read()
    assert {"DAGSTER_HOME", "PROPERTY_VIDEO_STORE", "REPLICATE_API_TOKEN"} <= names
    assert {name for name in names if name not in everything} == set()


def environment_of_production() -> set[str]:
    """Names of environment variables that Dagster's own files ask for."""
    return {name for file in PRODUCTION.glob("*.yaml") for name in re.findall(r"env: (\w+)", file.read_text("utf-8"))}


def test_every_setting_of_production_is_documented():
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    assert {name for name in environment_of_production() if f"`{name}`" not in page} == set()


def test_every_setting_that_a_document_names_is_read(everything):
    named = set(re.findall(r"\bPROPERTY_VIDEO_[A-Z_]+\b", everything))
    assert named <= environment_read() | environment_of_production()


def test_documented_defaults_are_the_defaults(readme):
    settings = read_settings({})
    for name, value in (
        ("SETTLE_SECONDS", settings.settle_s),
        ("MEDIA_PORT", settings.media_port),
        ("LEASE_WAIT_SECONDS", settings.lease_wait_s),
    ):
        assert f"`PROPERTY_VIDEO_{name}` ({value:g})" in readme


# --- the brief


def test_every_example_of_a_brief_in_the_documents_is_a_brief(everything):
    examples = re.findall(r"```yaml\n(.*?)```", everything, flags=re.DOTALL)
    assert examples
    for example in examples:
        assert parse_brief(yaml.safe_load(example), "example") != Brief()


def test_every_key_of_the_brief_is_documented():
    text = (ROOT / "docs" / "brief.md").read_text(encoding="utf-8")
    for key in Brief.model_fields:
        assert re.search(rf"\b{key}\b", text), key


# --- files


def links(document: Path) -> set[str]:
    """Files that a document links to or shows."""
    text = document.read_text(encoding="utf-8")
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    return {link for link in found if not re.match(r"[a-z]+:", link)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_to_a_file(document):
    missing = {link for link in links(document) if not (document.parent / link).exists()}
    assert not missing


MADE_BY_RUNS = ("uploads/", "media/", "records/", "takes/", "films/", "edits/", "leases/", "tables/", "campaign.yaml")
"""Beginnings of names of files that are not in the clone."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_and_folder_that_is_named_exists(document):
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"`([\w./-]+(?:/|\.(?:py|md|yaml|toml|txt))(?:[\w./-]*))`", text)
    assert {name for name in named if not exists(name, document.parent)} == set()


def exists(name: str, beside: Path) -> bool:
    """Whether a document may name that file: in the clone, in the package, beside the document, or made by runs."""
    if name.startswith(MADE_BY_RUNS) and not name.endswith(".py"):
        return True
    if "/" not in name and any((ROOT / "property_video").rglob(name)):
        return True
    return any((place / name).exists() for place in (ROOT, ROOT / "property_video", PRODUCTION, beside))
