"""Reading weights: only the file that is expected, and nothing in a file is ever run."""

import hashlib
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from property_video.core.errors import BadWeights
from property_video.media import weights
from property_video.media.weights import SHA256, read_weights, weights_file

MAGIC = 0x1950A86A20F9469CFC6C


class Named:
    """Pickles as a call of `module.name`, as PyTorch's pickles name its functions."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.module, self.name, self.arguments = module, name, arguments


class Global:
    """Pickles as the bare name of something."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Storage:
    """Pickles as a persistent id, as PyTorch refers to a tensor's numbers."""

    def __init__(self, kind: str, key: str, count: int) -> None:
        self.kind, self.key, self.count = kind, key, count


class Writer(pickle._Pickler):
    """Writes the names above without their modules being installed (PyTorch's are not)."""

    def persistent_id(self, found: object) -> object:
        if isinstance(found, Storage):
            return ("storage", Global("torch", found.kind), found.key, "cpu", found.count, None)
        return None

    def save(self, found: object, save_persistent_id: bool = True) -> None:
        if isinstance(found, Global):
            self.write(pickle.GLOBAL + f"{found.module}\n{found.name}\n".encode())
        elif isinstance(found, Named):
            self.save(Global(found.module, found.name))
            self.save(tuple(found.arguments))
            self.write(pickle.REDUCE)
        else:
            super().save(found, save_persistent_id)


def written(path: Path, *pickled: object, after: bytes = b"") -> str:
    """Write a file; its checksum."""
    with path.open("wb") as file:
        for each in pickled:
            Writer(file, protocol=2).dump(each)
        file.write(after)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tensor(key: str, kind: str, count: int, offset: int, shape: tuple, strides: tuple) -> Named:
    return Named(
        "torch._utils", "_rebuild_tensor_v2", Storage(kind, key, count), offset, shape, strides, False, OrderedDict()
    )


def numbers(*values: float, kind: str = "<f4") -> bytes:
    return struct.pack("<q", len(values)) + np.array(values, kind).tobytes()


def of(path: Path, tensors: object, keys: list[str], *storages: bytes, magic: int = MAGIC) -> str:
    return written(path, magic, 1001, {"little_endian": True}, tensors, keys, after=b"".join(storages))


# --- the file that is expected


def test_the_weights_of_the_package_are_read_and_their_strides_make_them_right():
    found = read_weights(weights_file())
    assert len(found) == 296
    assert found["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert found["_fc.weight"].shape == (1000, 1280)
    assert float(np.abs(found["_fc.weight"]).max()) < 5
    # In TensorFlow's order a filter's neighbours lie 32 apart: read plainly, the stem would be noise.
    stem = found["_conv_stem.weight"]
    assert stem.strides == (4, 32 * 4, 288 * 4, 96 * 4)


def test_weights_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        read_weights(weights_file())["_fc.bias"][0] = 1


@pytest.mark.parametrize("at", [0, 1000, 10_000_000, -1])
def test_a_file_with_one_altered_bit_is_refused(tmp_path, at):
    data = bytearray(weights_file().read_bytes())
    data[at] ^= 1
    altered = tmp_path / "altered.pth"
    altered.write_bytes(data)
    with pytest.raises(BadWeights, match=r"altered\.pth is not the file it should be: its checksum differs") as told:
        read_weights(altered)
    assert "make setup" in told.value.remedy


def test_a_truncated_and_a_missing_file_are_refused(tmp_path):
    (tmp_path / "short.pth").write_bytes(weights_file().read_bytes()[:-4])
    with pytest.raises(BadWeights, match="checksum"):
        read_weights(tmp_path / "short.pth")
    with pytest.raises(BadWeights, match=r"none\.pth cannot be read: No such file"):
        read_weights(tmp_path / "none.pth")


def test_a_package_that_is_not_installed_is_told_by_its_name(monkeypatch):
    monkeypatch.setattr(weights, "PACKAGE", "efficientnet_lite9_pytorch_model")
    with pytest.raises(BadWeights, match="efficientnet-lite9-pytorch-model is not installed"):
        weights_file()


def test_the_expected_checksum_is_that_of_the_package():
    assert hashlib.sha256(weights_file().read_bytes()).hexdigest() == SHA256


# --- files whose checksum is right, as if the expected one had been chosen by an enemy


def test_tensors_are_views_of_their_storages(tmp_path):
    path = tmp_path / "w.pth"
    tensors = OrderedDict(
        plain=tensor("a", "FloatStorage", 6, 0, (2, 3), (3, 1)),
        turned=tensor("a", "FloatStorage", 6, 0, (3, 2), (1, 3)),
        later=tensor("a", "FloatStorage", 6, 4, (2,), (1,)),
        count=tensor("b", "LongStorage", 1, 0, (), ()),
    )
    sha = of(path, tensors, ["a", "b"], numbers(0, 1, 2, 3, 4, 5), numbers(7, kind="<i8"))
    found = read_weights(path, sha)
    assert found["plain"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["later"].tolist() == [4, 5]
    assert int(found["count"]) == 7


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("builtins", "eval"), ("subprocess", "call"), ("torch", "load"), ("collections", "Counter")],
)
def test_nothing_that_a_file_names_is_called(tmp_path, module, name):
    trap = tmp_path / "trap"
    path = tmp_path / "w.pth"
    sha = of(path, OrderedDict(x=Named(module, name, f"touch {trap}")), [])
    with pytest.raises(BadWeights, match=rf"it names {module}\.{name}"):
        read_weights(path, sha)
    assert not trap.exists()


@pytest.mark.parametrize("place", range(5))
def test_no_part_of_the_file_may_name_what_it_should_not(tmp_path, place):
    trap = tmp_path / "trap"
    parts: list[object] = [MAGIC, 1001, {}, OrderedDict(), []]
    parts[place] = Named("os", "system", f"touch {trap}")
    with pytest.raises(BadWeights, match=r"it names os\.system"):
        read_weights(tmp_path / "w.pth", written(tmp_path / "w.pth", *parts))
    assert not trap.exists()


def test_the_writer_of_these_tests_writes_pickles_that_would_run(tmp_path):
    """Otherwise the tests above would show nothing."""
    trap = tmp_path / "trap"
    written(tmp_path / "w", Named("os", "mkdir", str(trap)))
    pickle.loads((tmp_path / "w").read_bytes())
    assert trap.exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (7,), (1,)), (6, (1,), (1,)), (-1, (2,), (1,)), (0, (2, 3), (4, 1)), (5, (3,), (-1,)), (0, (2,), (10**12,))],
)
def test_a_tensor_outside_its_storage_is_refused(tmp_path, offset, shape, strides):
    path = tmp_path / "w.pth"
    sha = of(path, OrderedDict(x=tensor("a", "FloatStorage", 6, offset, shape, strides)), ["a"], numbers(*range(6)))
    with pytest.raises(BadWeights, match="outside its storage"):
        read_weights(path, sha)


@pytest.mark.parametrize(
    "storage",
    [b"", b"\x01", struct.pack("<q", 6), struct.pack("<q", 2**40), struct.pack("<q", -(2**40))],
    ids=["none", "torn", "no numbers", "too many", "fewer than none"],
)
def test_a_storage_that_is_not_all_there_is_refused(tmp_path, storage):
    path = tmp_path / "w.pth"
    sha = of(path, OrderedDict(x=tensor("a", "FloatStorage", 6, 0, (6,), (1,))), ["a"], storage)
    with pytest.raises(BadWeights, match=r"w\.pth cannot be read"):
        read_weights(path, sha)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "w.pth"
    with pytest.raises(BadWeights, match="it is no PyTorch file"):
        read_weights(path, of(path, OrderedDict(), [], magic=1))
    for content in (b"", b"PK\x03\x04 a zip", b"\x80\x02."):
        path.write_bytes(content)
        with pytest.raises(BadWeights, match=r"w\.pth cannot be read"):
            read_weights(path, hashlib.sha256(content).hexdigest())
