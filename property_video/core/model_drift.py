"""What a provider publishes of a model today, compared with what the registry says.

Not here: asking for it (providers), and what the registry's fields mean (models.py).
"""

from collections.abc import Mapping
from typing import Any, Final

from property_video.core.models import Lengths, MusicModel, VideoModel

CONTINUATION: Final = {"continuation": "continuation", "continuation_start": "continuation_start"}
"""Inputs by which a model is told to go on from its recording (music_chain.py)."""


def drift(model: VideoModel | MusicModel, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """All that no longer holds, in sentences; none when the registry still fits.

    Args:
        model: an entry of the registry.
        schema: the model's OpenAPI document as published.
    """
    schemas = schema.get("components", {}).get("schemas", {})
    published = schemas.get("Input", {})
    inputs: dict[str, Mapping[str, Any]] = {
        key: _resolved(rule, schemas) for key, rule in published.get("properties", {}).items()
    }
    if not inputs:
        return (f"{model.slug}: nothing is published of its inputs.",)
    sent = {name: key for name, key in model.inputs.model_dump().items() if key is not None}
    if isinstance(model, MusicModel) and model.continues:
        sent |= CONTINUATION
    known = {*sent.values(), *model.fixed, *model.others}
    found = [f"its input {key} is gone" for key in [*sent.values(), *model.fixed] if key not in inputs]
    found += [_news(key, rule) for key, rule in inputs.items() if key not in known]
    found += [
        f"it now requires {key}, which is not sent"
        for key in published.get("required", [])
        if key not in {*sent.values(), *model.fixed}
    ]
    found += [
        f"{key} no longer takes {value!r}"
        for key, value in model.fixed.items()
        if key in inputs and not _takes(inputs[key], value)
    ]
    if model.lengths is not None and model.inputs.length in inputs:
        found += _lengths(model.lengths, model.inputs.length, inputs[model.inputs.length])
    if isinstance(model, VideoModel):
        found += _sizes(model, inputs)
    return tuple(f"{model.slug}: {each}." for each in found)


def _resolved(rule: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule with what it refers to: enums are published apart."""
    whole = dict(rule)
    for part in rule.get("allOf", []):
        whole |= schemas.get(str(part.get("$ref", "")).rsplit("/", 1)[-1], {})
    return whole


def _takes(rule: Mapping[str, Any], value: Any) -> bool:
    if "enum" in rule and value not in rule["enum"]:
        return False
    return not ("minimum" in rule and value < rule["minimum"]) and not ("maximum" in rule and value > rule["maximum"])


def _news(key: str, rule: Mapping[str, Any]) -> str:
    default = f", {rule['default']!r} unless told otherwise" if "default" in rule else ""
    return f"it has a new input {key}{default}: look whether it changes the price"


def _lengths(lengths: Lengths, key: str | None, rule: Mapping[str, Any]) -> list[str]:
    lost = [length for length in (lengths.values[0], *lengths.allowed, lengths.values[-1]) if not _takes(rule, length)]
    found = [f"{key} no longer takes {length}" for length in dict.fromkeys(lost)]
    if lengths.allowed and (more := [length for length in rule.get("enum", []) if length not in lengths.allowed]):
        found.append(f"{key} now takes {', '.join(map(str, more))} as well")
    return found


def _sizes(model: VideoModel, inputs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names, found = model.inputs, []
    if names.size is not None and names.size in inputs:
        rule = inputs[names.size]
        found += [f"{names.size} no longer takes {size}" for size in model.sizes if not _takes(rule, size)]
    if names.aspect is not None and names.aspect in inputs and not _takes(inputs[names.aspect], "16:9"):
        found.append(f"{names.aspect} no longer takes 16:9")
    if names.sound is not None and names.sound in inputs and model.sound is not None:
        default = inputs[names.sound].get("default")
        if default is not None and default != model.sound.by_default:
            found.append(f"{names.sound} is now {default!r} unless told otherwise")
    return found
