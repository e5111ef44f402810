"""The same scene by ffmpeg's zoompan filter, in the two ways that recipes on the web give.

Its window's corner is a whole number of pixels of its input; so the second recipe makes the input 8000 pixels wide.

Not here: anything that the product uses.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from property_video.core.camera import Shot, Showing, View, cover_share, dissolve_span
from property_video.core.film import FilmFormat
from property_video.media.canvas import photo_size
from property_video.media.frames import showings

Recipe = Literal["naive", "8000 px"]
RECIPES: Final[tuple[Recipe, ...]] = ("naive", "8000 px")

_ENLARGED: Final = {"naive": "", "8000 px": "scale=8000:-2,"}

_ENCODER: Final = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p")
"""Faster than the default that most recipes leave in place."""


def write_scene(first: Path, last: Path | None, shot: Shot, recipe: Recipe, out: Path) -> None:
    """Write one scene, without sound, to an MP4 file with the ffmpeg that MoviePy brings along."""
    from imageio_ffmpeg import get_ffmpeg_exe

    photos = [photo for photo in (first, last) if photo is not None]
    moving = [
        f"[{number}:v]{_moving(photo, showing, shot.film, recipe)}"
        for number, (photo, showing) in enumerate(zip(photos, showings(first, last, shot), strict=True))
    ]
    if last is None:
        graph = moving[0]
    else:
        begin, end = dissolve_span(shot)
        fade = f"xfade=transition=fade:duration={(end - begin) / shot.film.fps}:offset={begin / shot.film.fps}"
        graph = f"{moving[0]}[a];{moving[1]}[b];[a][b]{fade}"
    inputs = [word for photo in photos for word in ("-i", str(photo))]
    run_ffmpeg([get_ffmpeg_exe(), *inputs, "-filter_complex", graph, *_ENCODER, str(out)])


def run_ffmpeg(command: Sequence[str]) -> None:
    """Run ffmpeg quietly; it writes over what is there."""
    program, *words = command
    subprocess.run([program, "-v", "error", "-nostdin", "-y", *words], check=True)  # noqa: S603 - our own words


def _moving(photo: Path, showing: Showing, film: FilmFormat, recipe: Recipe) -> str:
    """Filters that move over the part of a photo that has the film's shape, from its first view to its last."""
    frames, shape = len(showing.views), film.width / film.height
    share = cover_share(photo_size(photo), film)
    start, end = (_in_crop(view, share) for view in (showing.views[0], showing.views[-1]))
    done = f"on/{max(frames - 1, 1)}"
    zoom = f"{start.zoom}*pow({end.zoom / start.zoom},{done})"
    x = f"iw*({start.x}+{end.x - start.x}*{done})-iw/zoom/2"
    y = f"ih*({start.y}+{end.y - start.y}*{done})-ih/zoom/2"
    size = f"{film.width}x{film.height}"
    return (
        f"crop=w='min(iw,ih*{shape})':h='min(ih,iw/{shape})',{_ENLARGED[recipe]}"
        f"zoompan=z='{zoom}':x='{x}':y='{y}':d={frames}:s={size}:fps={film.fps},format=yuv420p"
    )


def _in_crop(view: View, share: tuple[float, float]) -> View:
    """A view of a photo, in fractions of its middle part of the film's shape."""
    return View(zoom=view.zoom, x=0.5 + (view.x - 0.5) / share[0], y=0.5 + (view.y - 0.5) / share[1])
