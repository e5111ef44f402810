"""The import rule: layers point one way, heavy libraries load where they are used, and few may touch the outside."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "property_video"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT = {
    "core": set(),
    "files": {"core"},
    "settings": {"core"},
    "progress": set(),
    "storyboards": {"core"},
    "store": {"core", "files"},
    "media": {"core", "files"},
    "reports": {"core", "store"},
    "providers": {"core", "media", "files"},
    "intake": {"core", "media", "store", "providers.base"},
    "orders": {"core", "media", "store", "providers"},
    "outbox": {"core", "store"},
    "defs": {
        "core",
        "media",
        "store",
        "reports",
        "providers",
        "intake",
        "orders",
        "outbox",
        "storyboards",
        "engine.processes",
    },
    "engine": {
        "core",
        "media",
        "store",
        "reports",
        "intake",
        "storyboards",
        "settings",
        "orders",
        "outbox",
        "providers",
        "defs",
        "definitions",
    },
    "bench": {"core", "files", "media", "store", "reports", "providers", "intake", "orders", "storyboards"},
    "definitions": {"core", "settings", "defs", "orders", "outbox", "providers"},
    "cli": {"core", "files", "store", "intake", "engine", "settings", "progress", "bench"},
}
"""What each part of the package may import of the others: as docs/architecture.md lists them, and nothing else."""

MAY_KNOW_DAGSTER = ("defs/", "engine/", "definitions.py", "cli.py")

HEAVY = ("moviepy", "cv2", "pandas", "replicate", "openai", "av", "scipy", "duckdb", "PIL", "pillow_heif", "boto3")

MAY_TOUCH_ENVIRONMENT = {
    "settings.py",
    "engine/home.py",  # tells the processes that Dagster starts which home it is
    "bench/contest.py",  # hands it on to the processes that are measured
    "bench/scale.py",  # likewise
}

MAY_PRINT = {"cli.py", "progress.py", "bench/report.py", "bench/rooms.py"}


def place(module: Path) -> str:
    """A module's path in the package, with `/`."""
    return module.relative_to(PACKAGE).as_posix()


def part(module: Path) -> str:
    """The layer that a module belongs to."""
    return place(module).split("/")[0].removesuffix(".py")


def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), filename=str(module))


def imports(module: Path) -> Iterator[str]:
    """Full names of all modules that a module imports, wherever in its code."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(module)}:{node.lineno} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(name: str, layer: str) -> bool:
    """Whether a module of ours may be imported in a layer."""
    inside = name.removeprefix("property_video").lstrip(".")
    if not inside or inside.split(".")[0] == layer:
        return True
    return any(inside == other or inside.startswith(f"{other}.") for other in MAY_IMPORT[layer])


@pytest.mark.parametrize("module", [module for module in MODULES if part(module) != "__init__"], ids=place)
def test_imports_point_downwards(module):
    layer = part(module)
    ours = {name for name in imports(module) if name.split(".")[0] == "property_video"}
    # `from property_video.store import keys` names both the package and the module in it: the longer name decides.
    packages = {name for name in ours if any(other.startswith(f"{name}.") for other in ours)}
    wrong = sorted(name for name in ours - packages if not allowed(name, layer))
    assert not wrong, f"{place(module)} may not import {', '.join(wrong)}"


def test_the_rule_covers_every_part_of_the_package():
    assert {part(module) for module in MODULES} - {"__init__"} == set(MAY_IMPORT)


def test_the_rule_can_fail():
    assert not allowed("property_video.defs.jobs", "core")
    assert not allowed("property_video.media.render", "store")
    assert not allowed("property_video.providers.embedded", "intake")
    assert allowed("property_video.providers.base", "intake")


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_dagster_is_known_in_few_places(module):
    knows = any(name.split(".")[0] == "dagster" for name in imports(module))
    assert not knows or place(module).startswith(MAY_KNOW_DAGSTER)


def test_core_touches_neither_disk_nor_network_nor_clock():
    outside = {"os", "shutil", "tempfile", "subprocess", "socket", "urllib", "http", "time", "random", "threading"}
    for module in MODULES:
        if part(module) == "core":
            assert not outside & {name.split(".")[0] for name in imports(module)}, place(module)


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_the_environment_is_read_in_settings_alone(module):
    touches = {
        node.lineno
        for node in ast.walk(tree(module))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "putenv"})
        or (isinstance(node, ast.Name) and node.id in {"environ", "getenv"})
    }
    assert not touches or place(module) in MAY_TOUCH_ENVIRONMENT, f"{place(module)}: lines {sorted(touches)}"


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_only_the_front_door_for_people_prints(module):
    prints = {
        node.lineno
        for node in ast.walk(tree(module))
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr == "Console")
        or (isinstance(node, ast.Name) and node.id == "Console")
    }
    assert not prints or place(module) in MAY_PRINT, f"{place(module)}: lines {sorted(prints)}"


@pytest.mark.parametrize("module", MODULES, ids=place)
def test_a_module_opens_by_saying_what_belongs_in_it(module):
    docstring = ast.get_docstring(tree(module))
    assert docstring, place(module)
    assert "Not here:" in docstring or module.name == "__init__.py", place(module)


@pytest.mark.parametrize("front_door", ["property_video.definitions", "property_video.cli"])
def test_a_front_door_opens_without_loading_what_it_may_not_need(front_door, tmp_path):
    """Every process pays for what is loaded here: each step of a multiprocess run, each `--help`."""
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {front_door}; print(*sorted(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
        env={"DAGSTER_HOME": str(tmp_path), "PYTHONWARNINGS": "error::DeprecationWarning:property_video"},
    )
    loaded = set(found.stdout.split())
    assert front_door in loaded
    heavy = {*HEAVY, "dagster"} if front_door.endswith("cli") else set(HEAVY)
    assert not heavy & loaded
