"""Fetching outputs: streamed to disk, without the token, only from the service's hosts, whole or not at all.

What has arrived is kept beside the target when a download breaks, and the next try goes on from there.

Not here: whether it is worth another try (orders), and whether the film can use what was fetched (media/conform.py).
"""

import errno
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from property_video.core.errors import DeliveryBroken, OutputGone, StoreError, StoreFull
from property_video.core.redaction import redacted
from property_video.files import NO_ROOM
from property_video.providers.hosted import Medium
from property_video.providers.replicate.wire import trusted

HOST: Final = "replicate.delivery"

TIMEOUT: Final = httpx.Timeout(connect=5.0, read=20.0, write=10.0, pool=10.0)

FETCH_S: Final = 300.0
"""Seconds for one download, however steadily it trickles: 200 MB at 5 Mbit/s."""

REDIRECTS: Final = 4
CHUNK: Final = 1 << 16

LEAST_BYTES: Final = 64
"""Nothing shorter is a video, a recording or a picture."""


class Fetcher:
    """Downloads outputs of one service."""

    def __init__(self, base_url: str, clock: Callable[[], float]) -> None:
        """`base_url` is the service's; outputs may come from loopback when it is on loopback. `clock` is monotonic."""
        self._loopback = is_loopback(urlsplit(base_url))
        self._clock = clock
        # No environment: a proxy or a .netrc entry would see addresses, or add credentials.
        self._client = httpx.Client(verify=trusted(), timeout=TIMEOUT, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def fetch(self, url: str, into: Path, *, limit_bytes: int, expect: Medium) -> None:
        """Download `url` to `into`; see `PredictionApi.download`."""
        part = into.with_name(f".{into.name}.{hashlib.sha256(url.encode()).hexdigest()[:12]}.part")
        try:
            self._stream(url, part, limit_bytes)
            if not is_whole(part, expect):
                digest = _digest(part)
                part.unlink(missing_ok=True)
                raise DeliveryBroken(f"{_shown(url)} is no whole {expect} file.", "It will be fetched again.", digest)
            part.replace(into)
        except httpx.HTTPError as error:
            raise DeliveryBroken(
                f"{_shown(url)} broke off: {type(error).__name__}.", "It will be fetched again."
            ) from None
        except OSError as error:
            if error.errno in NO_ROOM:
                part.unlink(missing_ok=True)
                raise StoreFull(f"No space is left for {into}.", "Free some space on that disk.") from error
            if error.errno in {errno.EACCES, errno.EROFS, errno.ENOENT}:
                raise StoreError(f"{into} cannot be written: {error}.", "Check that the folder is writable.") from error
            raise

    def _stream(self, url: str, part: Path, limit_bytes: int) -> None:
        """Bring `part` to the output's full length, from where it ends."""
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        address = url
        for _ in range(REDIRECTS + 1):
            self._check_host(address)
            with self._client.stream("GET", address, headers=headers) as response:
                if response.is_redirect:
                    address = urljoin(address, response.headers.get("Location", ""))
                    continue
                self._receive(response, part, have, limit_bytes, url)
                return
        raise DeliveryBroken(f"{_shown(url)} is redirected again and again.", "It will be fetched again.")

    def _receive(self, response: httpx.Response, part: Path, have: int, limit_bytes: int, url: str) -> None:
        begin, total = _extent(response, have)
        if response.status_code == 416 or begin not in (0, have):
            part.unlink(missing_ok=True)
            raise DeliveryBroken(f"{_shown(url)} does not go on where it broke off.", "It will be fetched from zero.")
        if response.status_code not in {200, 206}:
            if response.status_code == 410:
                raise OutputGone(f"{_shown(url)} is gone (410).", "It has to be made again.")
            raise DeliveryBroken(f"{_shown(url)} answers {response.status_code}.", "It will be fetched again.")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind.startswith("text/") or kind in {"application/json", "application/problem+json"}:
            raise DeliveryBroken(f"{_shown(url)} gives {kind} instead of an output.", "It will be fetched again.")
        self._check_size(total or 0, limit_bytes, part, url)
        done, ends = begin, self._clock() + FETCH_S
        with part.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            for piece in response.iter_raw(CHUNK):
                done += len(piece)
                self._check_size(done, limit_bytes, part, url)
                file.write(piece)
                if self._clock() > ends:
                    raise DeliveryBroken(f"{_shown(url)} takes too long.", "It will be fetched on.")
        if total is not None and done != total:
            raise DeliveryBroken(f"{_shown(url)} broke off at {done} of {total} bytes.", "It will be fetched on.")

    def _check_size(self, size: int, limit_bytes: int, part: Path, url: str) -> None:
        if size > limit_bytes:
            part.unlink(missing_ok=True)
            raise OutputGone(f"{_shown(url)} is larger than {limit_bytes / 1e6:.0f} MB.", "It is not what was ordered.")

    def _check_host(self, address: str) -> None:
        """Only the service's own hosts over TLS; loopback when the service itself is there."""
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        own = parts.scheme == "https" and (host == HOST or host.endswith(f".{HOST}")) and parts.username is None
        if not own and not (self._loopback and is_loopback(parts)):
            raise OutputGone(
                f"An output is on {parts.scheme}://{host}, which is not Replicate's.", "It is not fetched."
            )


def is_loopback(parts: SplitResult) -> bool:
    """Whether an address is on this machine."""
    return parts.scheme in {"http", "https"} and parts.hostname in {"127.0.0.1", "::1", "localhost"}


def _extent(response: httpx.Response, have: int) -> tuple[int, int | None]:
    """Where the answer's first byte stands in the output, and how long the whole output is, if it says so."""
    if response.status_code == 206:
        told = re.match(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if told is None:
            return -1, None
        return int(told[1]), None if told[2] == "*" else int(told[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _digest(part: Path) -> str:
    """What tells a broken output from another; "" for a page, which stands in an output's place only for a while."""
    content = part.read_bytes()
    return "" if content.lstrip()[:1] in {b"<", b"{"} else hashlib.sha256(content).hexdigest()


def _shown(url: str) -> str:
    return redacted(url)


# -- is it what was ordered, and all of it? ----------------------------------------------------------------------------


def is_whole(path: Path, expect: Medium) -> bool:
    """Whether a file is of the expected kind by its content, and complete by its own account of its length.

    A server that announces no length can break off unnoticed; containers say themselves where they end.
    """
    size = path.stat().st_size
    if size < LEAST_BYTES:
        return False
    with path.open("rb") as file:
        head = file.read(16)
        file.seek(max(0, size - 16))
        tail = file.read(16)
    match expect:
        case "video":
            return _boxes_fit(path) if head[4:8] == b"ftyp" else head.startswith(b"\x1aE\xdf\xa3")
        case "audio":
            if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
                # Streaming encoders leave the length at 0 or at its maximum.
                told = int.from_bytes(head[4:8], "little")
                return told in {0, 0xFFFFFFFF} or told + 8 <= size + 1
            if head[4:8] == b"ftyp":
                return _boxes_fit(path)
            return head.startswith((b"ID3", b"fLaC", b"OggS")) or (head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
        case "image":
            if head.startswith(b"\xff\xd8\xff"):
                return b"\xff\xd9" in tail
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                return b"IEND" in tail
            return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and int.from_bytes(head[4:8], "little") + 8 <= size


def _boxes_fit(path: Path) -> bool:
    """Whether an MP4's boxes end exactly where the file does, with an index and media among them."""
    size, at, kinds = path.stat().st_size, 0, set[bytes]()
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(16)
            if len(head) < 8:
                return False
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:
                length = size - at
            if length < 8:
                return False
            kinds.add(head[4:8])
            at += length
    return at == size and kinds >= {b"moov", b"mdat"}
