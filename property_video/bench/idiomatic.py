"""The same film as most people write it with MoviePy 2: the yardstick that `make` is held against.

An ImageClip resized by a function of time, placed by another, dissolves by CrossFadeIn, everything else by default
(libx264 at preset medium). It makes the same pictures as the product, up to whole-pixel jitter, but neither develops
nor straightens them.

Not here: anything that the product uses.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from property_video.core.camera import Shot, Showing, View, cover_share, dissolve_span
from property_video.media.canvas import photo_size
from property_video.media.frames import showings


def write_film(shots: Sequence[tuple[Path, Path | None, Shot]], track: Path, out: Path) -> None:
    """Write shots, each from a first to a last photo, and as much of the track as they are long, to an MP4 file."""
    from moviepy import AudioFileClip, concatenate_videoclips

    scenes = [_scene(first, last, shot) for first, last, shot in shots]
    film = concatenate_videoclips(scenes)
    with AudioFileClip(str(track)) as sound:
        film = film.with_audio(sound.subclipped(0, film.duration))
        film.write_videofile(str(out), fps=shots[0][2].film.fps, logger=None)


def _scene(first: Path, last: Path | None, shot: Shot) -> Any:
    from moviepy import CompositeVideoClip
    from moviepy.video.fx import CrossFadeIn

    size = (shot.film.width, shot.film.height)
    seconds = shot.frames / shot.film.fps
    seen, (begin, end) = showings(first, last, shot), dissolve_span(shot)
    opening = _moving(first, seen[0], shot, 0.0)
    if last is None:
        return CompositeVideoClip([opening.with_duration(seconds)], size=size)
    cut, dissolve = begin / shot.film.fps, (end - begin) / shot.film.fps
    ending = _moving(last, seen[1], shot, cut).with_duration(seconds - cut).with_start(cut)
    clips = [opening.with_duration(cut + dissolve), ending.with_effects([CrossFadeIn(dissolve)])]
    return CompositeVideoClip(clips, size=size).with_duration(seconds)


def _moving(photo: Path, showing: Showing, shot: Shot, start: float) -> Any:
    """A photo under the shot's camera, from `start` seconds of the shot on."""
    from moviepy import ImageClip

    width, height = photo_size(photo)
    cover = shot.film.width / (cover_share((width, height), shot.film)[0] * width)

    def view(t: float) -> View:
        frame = round((start + t) * shot.film.fps) - showing.begin
        return showing.views[min(max(frame, 0), len(showing.views) - 1)]

    def corner(t: float) -> tuple[float, float]:
        scale = cover * view(t).zoom
        return shot.film.width / 2 - view(t).x * width * scale, shot.film.height / 2 - view(t).y * height * scale

    return ImageClip(str(photo)).resized(lambda t: cover * view(t).zoom).with_position(corner)
