"""A measured process that moves one big file into the store on S3, or from it, over loopback.

`python -m property_video.bench.transfer up|down MB` prints one JSON object: what resident memory grew by at its most.
The emulated S3 is a process of its own, so that its memory is not counted.

Not here: the table (scale.py).
"""

import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from property_video.bench.waiting import resident
from property_video.core.places import parse_bucket
from property_video.store.s3 import S3Store

BUCKET = "bench"
LOOK_S = 0.002
"""Seconds between two looks at memory."""

CHUNK = 1 << 20


def main() -> None:
    """Be the measured process."""
    way, megabytes = sys.argv[1], int(sys.argv[2])
    file = Path("film.mp4")
    with file.open("wb") as out:
        for _ in range(megabytes):
            out.write(secrets.token_bytes(CHUNK))
    with _service() as endpoint:
        place = parse_bucket(f"s3://{BUCKET}/store", endpoint=endpoint, region="us-east-1")
        import boto3

        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        store = S3Store(place, Path("here"))
        store.keys("media")  # connected, and everything imported
        before = resident()
        with _watched() as most:
            ref = store.adopt(file)
        if way == "down":
            elsewhere = S3Store(place, Path("elsewhere"))
            before = resident()
            with _watched() as most:
                elsewhere.media_path(ref.key)
    sys.stdout.write(json.dumps({"grown_mb": most[0] - before}))


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The most resident memory of this process while the context lasts."""
    most, over = [resident()], threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            most[0] = max(most[0], resident())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


@contextmanager
def _service() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
