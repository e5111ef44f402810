"""The registry of hosted models that ships with the product, read from models.yaml beside this module.

Not here: what a model's fields mean and what follows from them (core/models.py).
"""

from functools import cache
from importlib import resources

import yaml

from property_video.core.models import Registry, parse_registry


@cache
def load_registry() -> Registry:
    """All models that may be ordered."""
    return parse_registry(yaml.safe_load((resources.files(__package__) / "models.yaml").read_text(encoding="utf-8")))
