"""The environment, read once, as one frozen object. No other module reads it.

Not here: what a campaign wants (its brief) and how Dagster runs (dagster_home/dagster.yaml).
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from property_video.core.errors import BadInput
from property_video.core.places import Place, is_bucket, parse_bucket

S3_OPTIONS = {
    "endpoint": "PROPERTY_VIDEO_S3_ENDPOINT",
    "region": "PROPERTY_VIDEO_S3_REGION",
    "encryption": "PROPERTY_VIDEO_S3_ENCRYPTION",
    "kms_key": "PROPERTY_VIDEO_S3_KMS_KEY",
}
"""What may be said of buckets beside their names."""

PACKAGE = Path(__file__).resolve().parent

SERVICES = (
    ("replicate", "REPLICATE_API_TOKEN", "REPLICATE_BASE_URL"),
    ("xai", "XAI_API_KEY", "XAI_BASE_URL"),
    ("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
)
"""Hosted services with the names of their keys and addresses. A key alone spends nothing."""


@dataclass(frozen=True)
class Access:
    """How a hosted service is reached; the key is never shown. `base_url` is "" for the service's own address."""

    key: str = field(repr=False)
    base_url: str = ""


@dataclass(frozen=True)
class Hook:
    """A webhook that is told of films; neither its address, which may be a secret, nor its secret is ever shown."""

    url: str = field(repr=False)
    secret: str = field(repr=False, default="")


@dataclass(frozen=True)
class Settings:
    """Where things are and how patient we are.

    Attributes:
        home: Dagster's home: run history, configuration.
        store: records and media.
        uploads: where campaigns' folders are dropped.
        settle_s: seconds an upload must have been quiet before it is taken.
        media_port: port of the media server on loopback.
        lease_wait_s: seconds a run waits for a campaign that another run holds.
        own_home: whether `home` is ours to seed with a configuration (nobody named it).
        clip_deadline_s: seconds a hosted model is given for a clip.
        music_deadline_s: the same for music.
        month_budget_usd: the most that hosted models may cost one client in a calendar month; None for any amount.
        replicate_slots: predictions that may be under way at Replicate at once, over all runs.
        keep_films: films of every campaign that the nightly tidying leaves.
        services: hosted services whose keys are set: `replicate`, `xai`, `openai`.
        deliver: folders, prefixes in buckets and webhooks that every finished film is delivered to.
    """

    home: Path
    store: Place
    uploads: Place
    settle_s: float = 60.0
    media_port: int = 3030
    lease_wait_s: float = 3600.0
    own_home: bool = False
    clip_deadline_s: float = 1200.0
    music_deadline_s: float = 900.0
    month_budget_usd: float | None = None
    replicate_slots: int = 50
    keep_films: int = 3
    services: Mapping[str, Access] = field(default_factory=dict)
    deliver: tuple[Place | Hook, ...] = ()

    @property
    def media_url(self) -> str:
        """Where the media server answers."""
        return f"http://127.0.0.1:{self.media_port}"


def clone_home() -> Path | None:
    """`dagster_home` of the clone that this package runs from; None for an installed package."""
    home = PACKAGE.parent / "dagster_home"
    return home if (PACKAGE.parent / "workspace.yaml").is_file() and (home / "dagster.yaml").is_file() else None


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment.

    `DAGSTER_HOME`, else the clone's own home, else a folder per user. `PROPERTY_VIDEO_STORE` (a folder or
    `s3://bucket/prefix`; default `store` in the home), `PROPERTY_VIDEO_UPLOADS` (likewise; default `uploads` beside the
    home), `PROPERTY_VIDEO_S3_ENDPOINT`, `PROPERTY_VIDEO_S3_REGION`, `PROPERTY_VIDEO_S3_ENCRYPTION` (`AES256` or
    `aws:kms`), `PROPERTY_VIDEO_S3_KMS_KEY`, `PROPERTY_VIDEO_SETTLE_SECONDS`,
    `PROPERTY_VIDEO_MEDIA_PORT`, `PROPERTY_VIDEO_LEASE_WAIT_SECONDS`, `PROPERTY_VIDEO_CLIP_DEADLINE_SECONDS`,
    `PROPERTY_VIDEO_MUSIC_DEADLINE_SECONDS`, `PROPERTY_VIDEO_CLIENT_MONTH_BUDGET_USD`,
    `PROPERTY_VIDEO_REPLICATE_SLOTS`, `PROPERTY_VIDEO_KEEP_FILMS`, `PROPERTY_VIDEO_DELIVER`
    (folders, `s3://bucket/prefix` and `https://…`, separated by commas), `PROPERTY_VIDEO_DELIVER_SECRET`, and keys and
    addresses of `SERVICES`.

    Raises:
        BadInput: a value is not what it must be.
    """
    named = environment.get("DAGSTER_HOME", "").strip()
    home = Path(named).expanduser().absolute() if named else clone_home() or _user_home()
    return Settings(
        home=home,
        store=_place(environment, "PROPERTY_VIDEO_STORE", home / "store"),
        uploads=_place(environment, "PROPERTY_VIDEO_UPLOADS", home.parent / "uploads"),
        settle_s=_number(environment, "PROPERTY_VIDEO_SETTLE_SECONDS", 60.0, 0, 86_400),
        media_port=int(_number(environment, "PROPERTY_VIDEO_MEDIA_PORT", 3030, 1, 65_535)),
        lease_wait_s=_number(environment, "PROPERTY_VIDEO_LEASE_WAIT_SECONDS", 3600.0, 0, 86_400),
        own_home=not named,
        clip_deadline_s=_number(environment, "PROPERTY_VIDEO_CLIP_DEADLINE_SECONDS", 1200.0, 5, 1800),
        music_deadline_s=_number(environment, "PROPERTY_VIDEO_MUSIC_DEADLINE_SECONDS", 900.0, 5, 1800),
        month_budget_usd=_month_budget(environment),
        keep_films=int(_number(environment, "PROPERTY_VIDEO_KEEP_FILMS", 3, 1, 1000)),
        replicate_slots=int(_number(environment, "PROPERTY_VIDEO_REPLICATE_SLOTS", 50, 1, 10_000)),
        services={
            name: Access(key=environment[key].strip(), base_url=environment.get(url, "").strip())
            for name, key, url in SERVICES
            if environment.get(key, "").strip()
        },
        deliver=tuple(_delivery(environment)),
    )


def _delivery(environment: Mapping[str, str]) -> Iterator[Place | Hook]:
    secret = environment.get("PROPERTY_VIDEO_DELIVER_SECRET", "").strip()
    for word in filter(None, map(str.strip, environment.get("PROPERTY_VIDEO_DELIVER", "").split(","))):
        is_hook = word.startswith(("https://", "http://127.0.0.1", "http://localhost"))
        if "://" in word and not is_hook and not is_bucket(word):
            raise BadInput(
                f"PROPERTY_VIDEO_DELIVER: {word.split('://')[0]}:// is no place to deliver to.",
                "Name folders, s3://bucket/prefix or https:// addresses, separated by commas.",
            )
        yield Hook(word, secret) if is_hook else _placed(environment, word)


def _month_budget(environment: Mapping[str, str]) -> float | None:
    name = "PROPERTY_VIDEO_CLIENT_MONTH_BUDGET_USD"
    return _number(environment, name, 0.0, 0, 1e6) if environment.get(name, "").strip() else None


def _user_home() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_path("property-video")) / "dagster_home"


def _folder(environment: Mapping[str, str], name: str, default: Path) -> Path:
    value = environment.get(name, "").strip()
    return Path(value).expanduser().absolute() if value else default


def _place(environment: Mapping[str, str], name: str, default: Path) -> Place:
    value = environment.get(name, "").strip()
    return _placed(environment, value) if value else default


def _placed(environment: Mapping[str, str], value: str) -> Place:
    """The folder or the prefix in a bucket that a text names."""
    if not is_bucket(value):
        return Path(value).expanduser().absolute()
    option = {part: environment.get(variable, "").strip() for part, variable in S3_OPTIONS.items()}
    if option["encryption"] not in {"", "AES256", "aws:kms"}:
        raise BadInput(
            f"PROPERTY_VIDEO_S3_ENCRYPTION={option['encryption']!r} is no server-side encryption.",
            "Set AES256 or aws:kms, or unset it for what the bucket does by itself.",
        )
    return parse_bucket(value, **option)


def _number(environment: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    value = environment.get(name, "").strip()
    try:
        number = float(value) if value else default
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise BadInput(f"{name}={value!r} is not a number from {least:g} to {most:g}.", f"Unset it for {default:g}.")
    return number
