"""Where things may live: folders and buckets, as the environment names them."""

from pathlib import Path

import pytest

from property_video.core.errors import BadInput
from property_video.core.places import Bucket, parse_bucket
from property_video.settings import read_settings

HOME = {"DAGSTER_HOME": "/srv/home"}


def test_store_and_uploads_are_folders_by_default():
    settings = read_settings(HOME)
    assert (settings.store, settings.uploads) == (Path("/srv/home/store"), Path("/srv/uploads"))


def test_store_and_uploads_may_be_prefixes_in_buckets_with_what_is_said_of_them():
    said = {
        "PROPERTY_VIDEO_STORE": "s3://agency-films/store/",
        "PROPERTY_VIDEO_UPLOADS": "s3://agency-drops",
        "PROPERTY_VIDEO_S3_ENDPOINT": "https://s3.example.com",
        "PROPERTY_VIDEO_S3_REGION": "eu-central-1",
        "PROPERTY_VIDEO_S3_ENCRYPTION": "aws:kms",
        "PROPERTY_VIDEO_S3_KMS_KEY": "alias/films",
    }
    settings = read_settings({**HOME, **said})
    about = ("https://s3.example.com", "eu-central-1", "aws:kms", "alias/films")
    assert settings.store == Bucket("agency-films", "store", *about)
    assert settings.uploads == Bucket("agency-drops", "", *about)
    assert (str(settings.store), str(settings.uploads)) == ("s3://agency-films/store", "s3://agency-drops")


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///prefix", "s3://Films/store", "s3://films/a//b", "s3://films/../other", "s3://f/store"]
)
def test_what_is_no_bucket_is_told_with_how_to_write_one(address: str):
    with pytest.raises(BadInput, match=r"Write s3://bucket/prefix"):
        parse_bucket(address)
    with pytest.raises(BadInput):
        read_settings({**HOME, "PROPERTY_VIDEO_STORE": address})


def test_an_encryption_that_there_is_not_is_refused():
    with pytest.raises(BadInput, match="PROPERTY_VIDEO_S3_ENCRYPTION='rot13'"):
        read_settings({**HOME, "PROPERTY_VIDEO_STORE": "s3://films", "PROPERTY_VIDEO_S3_ENCRYPTION": "rot13"})
