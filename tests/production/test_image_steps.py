"""Each step of the image, carried out in a clean folder, and the container's command as the user it names.

Not done here: the base image itself (this machine's Python stands for it), making the user, and anything of a
container engine. Packages come from this machine's cache, with the hashes that the image asks for.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from property_video.settings import PACKAGE

pytestmark = pytest.mark.slow

CLONE = PACKAGE.parent
DOCKERFILE = CLONE / "dagster_home" / "production" / "Dockerfile"
USER = 10001


def instructions(stage: int) -> Iterator[tuple[str, str]]:
    """Instruction and argument of a stage of the Dockerfile, line continuations joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    stages = re.split(r"^FROM .*\n", text, flags=re.MULTILINE)[1:]
    for line in filter(str.strip, stages[stage].splitlines()):
        word, _, argument = line.partition(" ")
        yield word, argument


def copied_context(to: Path) -> Path:
    """What the build sees of the clone: the patterns of Dockerfile.dockerignore."""
    lines = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("!"):
            source, target = CLONE / line[1:], to / line[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, target)
    return to


def in_clean_folder(text: str, root: Path) -> str:
    """The same words with the image's folders in a folder of this test."""
    return re.sub(r"(?<![\w.])/(opt/property-video|src|data)\b", rf"{root}/\1", text)


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The image's folders, made by its own instructions; not in pytest's folder, which is closed to other users."""
    root = Path(tempfile.mkdtemp(prefix="pv-image-"))
    root.chmod(0o755)
    yield filled(root)
    shutil.rmtree(root)


def filled(root: Path) -> Path:
    context, workdir = copied_context(root / "context"), root
    tools = root / "tools"  # stands for the build image's own Python
    subprocess.run([reachable_python(root), "-m", "venv", tools], check=True)
    environment = {**os.environ, "PATH": f"{tools / 'bin'}:{os.environ['PATH']}"}
    for word, argument in instructions(0):
        if word == "WORKDIR":
            workdir = Path(in_clean_folder(argument, root))
            workdir.mkdir(parents=True)
        elif word == "COPY":
            *sources, target = argument.split()
            copy(context, sources, workdir / target)
        elif word == "RUN":
            script = in_clean_folder(argument, root).replace("--no-cache ", "")
            subprocess.run(["bash", "-ec", script], cwd=workdir, env=environment, check=True)
    home = root / "opt/property-video/home"
    home.mkdir()
    for word, argument in instructions(1):
        if word == "COPY" and not argument.startswith("--from"):
            *sources, target = argument.split()
            copy(context, sources, Path(in_clean_folder(target, root)))
    if os.getuid() == 0:
        os.chown(home, USER, USER)
    return root


def reachable_python(root: Path) -> Path:
    """This machine's Python, copied where the image's user can reach it if it is in somebody's home."""
    python = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    if all(folder.stat().st_mode & 0o001 for folder in python.parents):
        return python
    parts = shutil.ignore_patterns("site-packages", "test", "idlelib", "__pycache__", "*.a")
    shutil.copytree(sys.base_prefix, root / "python", symlinks=True, ignore=parts)
    return root / "python" / python.relative_to(sys.base_prefix)


def copy(context: Path, sources: list[str], target: Path) -> None:
    for source in sources:
        if source == ".":
            shutil.copytree(context, target, dirs_exist_ok=True)
        else:
            shutil.copy(context / source, target / Path(source).name if target.is_dir() else target)


def as_user(image: Path, command: list[str], **environment: str) -> dict[str, Any]:
    """What `subprocess` needs for a command in the image's environment, as its user where we may become one."""
    home = image / "opt/property-video/home"
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.getuid() == 0 else []
    return {
        "args": [*drop, *command],
        "cwd": home,
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "env": {
            "PATH": f"{image / 'opt/property-video/venv/bin'}:/usr/bin:/bin",
            "DAGSTER_HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_LIBRARY_PATH": str(image / "python" / "lib"),  # of a copied Python
            **environment,
        },
    }


def command_of(word: str) -> list[str]:
    """The JSON form of CMD or HEALTHCHECK's CMD."""
    argument = next(argument for name, argument in instructions(1) if name == word)
    found = json.loads(argument[argument.index("[") :])
    assert isinstance(found, list)
    return [str(part) for part in found]


def test_everything_is_compiled_and_no_tool_of_ours_is_in_it(image: Path):
    packages = next((image / "opt/property-video/venv/lib").glob("python3.*/site-packages"))
    sources = list((packages / "property_video").rglob("*.py"))
    assert len(sources) > 100
    for source in sources:
        assert list((source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")), source
    assert list((packages / "dagster/__pycache__").glob("__init__.*.pyc"))
    assert not (packages / "pytest").exists() and not (packages / "moto").exists()
    assert (packages / "property_video/engine/dagster.yaml").is_file()
    size = sum(file.stat().st_size for file in (image / "opt").rglob("*") if file.is_file())
    sys.stdout.write(f"\nthe image's own layers: {size / 1e6:.0f} MB\n")
    assert size < 1_200_000_000


def test_the_containers_command_is_healthy_as_its_user_and_finds_all_it_needs(image: Path):
    store = writable(image)
    places = {"PROPERTY_VIDEO_STORE": str(store / "store"), "PROPERTY_VIDEO_UPLOADS": str(store / "uploads")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    check = as_user(image, [word.replace("4000", port) for word in command_of("HEALTHCHECK")])
    with subprocess.Popen(
        **as_user(image, [word.replace("4000", port) for word in command_of("CMD")], **places),
        # As in a container: a shell that ignores Ctrl-C in the background has Dagster ignore SIGTERM as well.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as server:
        try:
            deadline = time.monotonic() + 120
            while subprocess.run(**check, timeout=60).returncode != 0:
                assert server.poll() is None, server.communicate()[0]
                assert time.monotonic() < deadline, "never healthy"
                time.sleep(1)
            if os.getuid() == 0:
                status = Path(f"/proc/{server.pid}/status").read_text()
                assert re.search(rf"^Uid:\t{USER}\t", status, re.MULTILINE)
        finally:
            server.terminate()
            server.communicate(timeout=60)
    assert subprocess.run(**check, timeout=60).returncode != 0, "a server that is gone is not healthy"
    doctor = as_user(image, ["property-video", "doctor"], **{**places, "DAGSTER_HOME": str(store / "home")})
    said = subprocess.run(**doctor, timeout=120)
    assert said.returncode == 0, said.stdout


def writable(image: Path) -> Path:
    """A folder that the image's user may write."""
    folder = image / "data"
    folder.mkdir(exist_ok=True)
    if os.getuid() == 0:
        os.chown(folder, USER, USER)
    return folder
