"""An S3 of one's own: moto's server on loopback, in a process of its own, and buckets in it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from property_video.core.places import Bucket

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What boto3 finds in the environment: nothing of the machine's own."""


@dataclass(frozen=True)
class S3:
    """A running server; `client` is for looking at it from outside."""

    endpoint: str
    client: Any

    def bucket(self, prefix: str = "films/here") -> Bucket:
        """A new, empty bucket, and a prefix in it."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        return Bucket(name, prefix, endpoint=self.endpoint)

    def content(self, bucket: Bucket) -> list[str]:
        """All keys of a bucket, whatever the prefix."""
        return sorted(each["Key"] for each in self.client.list_objects_v2(Bucket=bucket.name).get("Contents", ()))


@contextmanager
def serving_s3() -> Iterator[S3]:
    """A server for as long as the context lasts; the environment must have `CREDENTIALS`."""
    import boto3

    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            endpoint = f"http://127.0.0.1:{port}"
            _await(endpoint, process)
            yield S3(endpoint, boto3.client("s3", endpoint_url=endpoint))
        finally:
            process.kill()


def out_of_order(client: Any, is_down: Callable[[], bool], refused: list[str]) -> None:
    """Have a client's requests answered by 503 while the service is down; `refused` grows by their methods."""
    from botocore.awsrequest import AWSResponse

    class Nothing:
        def stream(self, **_: object) -> list[bytes]:
            return [b""]

    def answer(request: Any, **_: object) -> AWSResponse | None:
        if not is_down():
            return None
        refused.append(request.method)
        return AWSResponse(request.url, 503, {}, Nothing())

    client.meta.events.register("before-send.s3", answer)


def out_of_reach(bucket: Bucket) -> Bucket:
    """The same bucket where nobody listens."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return replace(bucket, endpoint=f"http://127.0.0.1:{found.getsockname()[1]}")


def _await(endpoint: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("moto's server did not start")
