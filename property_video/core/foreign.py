"""Foreign clips: what makes a clip from elsewhere unusable, and how it comes to the film's time.

Not here: what it was found to be (conformed.py), reading and painting pixels (media/conform.py).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from property_video.core.conformed import Conformed, ForeignClip
from property_video.core.film import FilmFormat
from property_video.core.probe import Probe
from property_video.core.verdicts import BLACK_LUMA, BLANK_DETAIL, Finding, judge_silent_picture

LEAST_FRAMES_PER_SECOND: Final = 6
"""Source frames per second of the scene below which nothing between them can be guessed."""

FROZEN_TRAVEL: Final = 0.5
"""Levels. A clip whose frames never differ from its first one by more on average only carries encoder noise; the
slowest camera move of this product reaches 3."""

STILL_CHANGE: Final = 0.02
"""Levels between neighbours below which a picture was repeated: 1 pixel in 50 changed by one level."""

LONGEST_FREEZE_S: Final = 1.0
"""Seconds that a picture may stand still in a scene."""

LEAST_WHOLE: Final = 0.9
"""Share of the frames or of the length that a file promises and has to hold."""

STRAYS_SSIM: Final = 0.8
"""Similarity to the photo below which a generated first or last frame strays visibly."""

OTHER_ROOM: Final = 0.30
"""Distance of features at which a frame that strays shows another room than its photo. Of the sample listing's pairs of
different places 95 % are farther apart (half of them 0.48); a photo of it is at most 0.29 from itself blurred by 4 px
at 960, 0.16 from itself enlarged by 1.4, 0.12 from itself cropped by a fifth, re-coloured, darkened or bent."""

REPEAT_SHARE: Final = 0.2
"""Share of the usual change between neighbours below which a frame repeats the one before."""

PLAIN_SPEEDS: Final = (0.6, 2.0)
"""Retiming beyond which slow motion or haste is seen."""

SNAP: Final = 1 / 32
"""Share of a frame's time that nobody sees: a moment this near to a source frame shows that frame untouched."""

EVEN_GAPS: Final = 0.15
"""Share by which gaps between frames may differ in a clip of constant rate: containers round to milliseconds."""

HDR_TRANSFER: Final = 16
"""SMPTE ST 2084 (ITU-T H.273, table 3): shown as BT.709 it would come out grey."""


def trouble(clip: ForeignClip, frames: int, film: FilmFormat, photo_luma: float = 255.0) -> str:
    """Why a clip cannot be used for a scene of `frames`, as a clause; empty when it can.

    Args:
        clip: What was found.
        frames: The scene's length in the film.
        film: The film's format.
        photo_luma: Mean luma of the darkest photo it was made from: a night scene is no black clip.
    """
    whole = clip.frames / clip.promised if clip.promised else 1.0
    if clip.promised_seconds and clip.frames > 1:
        # The last frame lasts as well: n frames cover n - 1 gaps.
        whole = min(whole, clip.seconds * clip.frames / (clip.frames - 1) / clip.promised_seconds)
    scene_s = frames / film.fps
    stands_s = clip.longest_still * scene_s
    rules = (
        (clip.transfer == HDR_TRANSFER, "is high dynamic range (PQ), which cannot be shown in a BT.709 film"),
        (clip.broken_frames > 0, f"has {clip.broken_frames} broken frames"),
        (whole < LEAST_WHOLE, f"is cut short: {whole:.0%} of what its header promises"),
        (
            clip.frames < LEAST_FRAMES_PER_SECOND * scene_s,
            f"has {clip.frames} frames, too few for {scene_s:g} seconds",
        ),
        (
            clip.darkest_luma < min(BLACK_LUMA, 0.9 * photo_luma),
            f"has a black frame (mean luma {clip.darkest_luma:.0f})",
        ),
        (clip.detail < BLANK_DETAIL, "shows nothing but one colour"),
        (clip.travel < FROZEN_TRAVEL, f"is frozen: its frames differ by {clip.travel:.2f} levels at most"),
        (stands_s > LONGEST_FREEZE_S, f"stands still for {stands_s:.1f} of {scene_s:g} seconds"),
    )
    return next((reason for broken, reason in rules if broken), "")


def judge_conformed(probe: Probe, done: Conformed, frames: int, film: FilmFormat) -> tuple[Finding, ...]:
    """A conformed clip has the film's exact parameters; how near its ends are to their photos is shown.

    Generated frames stray a little, and a scene may have to be slowed: these are warnings. A frame that shows another
    room is an error.
    """
    slowest, fastest = PLAIN_SPEEDS
    return (
        *judge_silent_picture(probe, film, frames),
        *(
            Finding(
                check="starts_and_ends_on_its_photos",
                name=f"{end} frame is near the {end} photo",
                passed=ssim >= STRAYS_SSIM,
                found=f"SSIM {ssim:.3f}, at least {STRAYS_SSIM:g}",
                severity="warn",
            )
            for end, ssim in (("first", done.ssim_first), ("last", done.ssim_last))
            if ssim is not None
        ),
        *(
            Finding(
                check="starts_and_ends_on_its_photos",
                name=f"{end} frame shows what the {end} photo shows",
                passed=apart < OTHER_ROOM,
                found=f"distance {apart:.2f}, less than {OTHER_ROOM:g}",
            )
            for end, apart in (("first", done.apart_first), ("last", done.apart_last))
            if apart is not None
        ),
        Finding(
            check="moves",
            name="moves at its own speed",
            passed=slowest <= done.speed <= fastest,
            found=f"{done.source.frames} frames at {done.source.fps:.2f} fps run at {done.speed:.2f} times their speed",
            severity="warn",
        ),
    )


def uneven(times: Sequence[float]) -> bool:
    """Whether frames at these times (seconds, ascending) have other gaps than a constant rate has."""
    gaps = np.diff(times)
    return bool(len(gaps) and np.abs(gaps - gaps.mean()).max() > EVEN_GAPS * gaps.mean())


def moments(times: Sequence[float], frames: int) -> tuple[float, ...]:
    """Where in a source each of `frames` frames lies: source frame numbers with fractions.

    The source's first and last frames stay first and last, and its time runs evenly between them. A frame that lies
    within `SNAP` of a source frame is that frame.

    Args:
        times: Times of the source's frames, ascending; two at least.
        frames: Frames wanted, two at least.
    """
    last = len(times) - 1
    if uneven(times):
        wanted = np.linspace(times[0], times[-1], frames)
        places = np.interp(wanted, times, np.arange(last + 1))
    else:
        places = np.linspace(0.0, last, frames)
    whole = np.round(places)
    return tuple(np.where(np.abs(places - whole) < SNAP, whole, places).tolist())


def shown_once(changes: Sequence[float]) -> tuple[int, ...]:
    """Numbers of a clip's frames without those that repeat the one before in a steady beat.

    A clip of 24 pictures a second in a file of 30 frames repeats every fifth: conformed frame by frame it would go on
    stumbling. Repeats without a beat are stillness, which stays.

    Args:
        changes: How much each frame differs from the one before, from the second frame on; any unit.
    """
    every = tuple(range(len(changes) + 1))
    usual = float(np.median([change for change in changes if change > 0] or [0.0]))
    repeats = [number for number, change in enumerate(changes, start=1) if change < REPEAT_SHARE * usual]
    if len(repeats) < len(every) / 10 or len(repeats) < 3:
        return every
    beat = len(every) / len(repeats)
    gaps = np.diff([0, *repeats, len(every)])
    steady = gaps[1:-1].min() > beat - 1.5 and gaps.max() < beat + 1.5
    return tuple(number for number in every if number not in set(repeats)) if steady else every
