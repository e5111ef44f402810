"""The environment, read once, as one frozen object. No other module reads it.

Not here: what a campaign wants (its brief) and how Dagster runs (dagster_home/dagster.yaml).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from property_video.core.errors import BadInput

PACKAGE = Path(__file__).resolve().parent

KEYS = ("REPLICATE_API_TOKEN", "XAI_API_KEY", "OPENAI_API_KEY")
"""Keys of hosted services. A key alone spends nothing."""


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
        keys_present: which keys of hosted services are set; never their values.
        own_home: whether `home` is ours to seed with a configuration (nobody named it).
    """

    home: Path
    store: Path
    uploads: Path
    settle_s: float = 60.0
    media_port: int = 3030
    lease_wait_s: float = 3600.0
    own_home: bool = False
    keys_present: Mapping[str, bool] = field(default_factory=dict)

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

    `DAGSTER_HOME`, else the clone's own home, else a folder per user. `PROPERTY_VIDEO_STORE` (default `store` in the
    home), `PROPERTY_VIDEO_UPLOADS` (default `uploads` beside the home), `PROPERTY_VIDEO_SETTLE_SECONDS`,
    `PROPERTY_VIDEO_MEDIA_PORT`, `PROPERTY_VIDEO_LEASE_WAIT_SECONDS`.

    Raises:
        BadInput: a value is not what it must be.
    """
    named = environment.get("DAGSTER_HOME", "").strip()
    home = Path(named).expanduser().absolute() if named else clone_home() or _user_home()
    return Settings(
        home=home,
        store=_folder(environment, "PROPERTY_VIDEO_STORE", home / "store"),
        uploads=_folder(environment, "PROPERTY_VIDEO_UPLOADS", home.parent / "uploads"),
        settle_s=_number(environment, "PROPERTY_VIDEO_SETTLE_SECONDS", 60.0, 0, 86_400),
        media_port=int(_number(environment, "PROPERTY_VIDEO_MEDIA_PORT", 3030, 1, 65_535)),
        lease_wait_s=_number(environment, "PROPERTY_VIDEO_LEASE_WAIT_SECONDS", 3600.0, 0, 86_400),
        own_home=not named,
        keys_present={name: bool(environment.get(name, "").strip()) for name in KEYS},
    )


def _user_home() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_path("property-video")) / "dagster_home"


def _folder(environment: Mapping[str, str], name: str, default: Path) -> Path:
    value = environment.get(name, "").strip()
    return Path(value).expanduser().absolute() if value else default


def _number(environment: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    value = environment.get(name, "").strip()
    try:
        number = float(value) if value else default
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise BadInput(f"{name}={value!r} is not a number from {least:g} to {most:g}.", f"Unset it for {default:g}.")
    return number
