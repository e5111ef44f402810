"""What passes and what does not: every threshold of the product's verification, as pure decisions.

The same findings stop a step before it commits (`require`) and are shown by asset checks.

Not here: measuring (media), showing (defs/checks.py).
"""

import itertools
from collections.abc import Sequence
from typing import Final, Literal

from property_video.core.camera import Shot
from property_video.core.chosen import Chosen
from property_video.core.errors import BadOutput
from property_video.core.film import FILM, SAMPLE_RATE, FilmFormat
from property_video.core.ladders import EMBEDDED
from property_video.core.orders import Orders
from property_video.core.outputs import Clip, Track
from property_video.core.pairing import ShotList
from property_video.core.photo import PhotoAnalysis, UploadedPhotos
from property_video.core.probe import ClipMeasures, Probe
from property_video.core.records import Record
from property_video.core.sound import TARGET_LUFS, TrackMeasures

LEAST_SSIM: Final = 0.95
"""First and last frame against the reframed photo; the renderer reaches .985 to .991."""

BLACK_LUMA: Final = 20.0
"""Mean luma below which a frame is black (limited range: black is 16)."""

BLANK_DETAIL: Final = 2.0
"""Standard deviation of luma below which a photo shows nothing that could be seen to move."""

LOUDNESS_TOLERANCE: Final = 0.5
"""LU around the target."""

MOST_TRUE_PEAK: Final = -1.0
"""dBTP after AAC."""

QUIET_EDGE: Final = -50.0
"""dBFS: the first and the last 20 ms lie inside the fades."""

PLENTY_OF_PHOTOS: Final = 14
"""Two photos for each of seven scenes."""


PHOTO_CHECKS: Final = ("usable_photos", "photos_for_every_scene", "every_file_usable")
ANALYSIS_CHECKS: Final = ("chosen_by",)
PAIR_CHECKS: Final = ("scenes", "photos_differ", "every_scene_filled", "chosen_by")
CLIP_CHECKS: Final = ("picture_format", "starts_and_ends_on_its_photos", "moves", "made_by")
TRACK_CHECKS: Final = ("length", "loudness", "made_by")
FILM_CHECKS: Final = ("picture_format", "sound_format", "length", "loudness", "plays_at_once", "made_by")
"""The asset checks that findings belong to."""


class Finding(Record):
    """One decision: what was looked at, whether it passed, and what was found. `warn` findings stop nothing."""

    check: str
    name: str
    passed: bool
    found: str
    severity: Literal["error", "warn"] = "error"


class FailedVerification(BadOutput):
    """Something did not pass; `findings` has all that was found, passed or not."""

    def __init__(self, what: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        failed = "; ".join(f"{finding.name}: {finding.found}" for finding in findings if _fails(finding))
        super().__init__(f"{what} did not pass verification: {failed}.", "Nothing was replaced by it.")


def require(what: str, findings: Sequence[Finding]) -> None:
    """Let only passing work go on.

    Raises:
        FailedVerification: a finding of severity `error` did not pass.
    """
    if any(_fails(finding) for finding in findings):
        raise FailedVerification(what, findings)


def _fails(finding: Finding) -> bool:
    return not finding.passed and finding.severity == "error"


def judge_photos(uploaded: UploadedPhotos, analysis: PhotoAnalysis | None = None) -> tuple[Finding, ...]:
    """Enough usable photos: one is the least, two for each scene are plenty."""
    count = len(uploaded.photos)
    sound = sum(1 for verdict in analysis.verdicts if not verdict.flaws) if analysis else count
    return (
        Finding(check="usable_photos", name="at least one usable photo", passed=count > 0, found=f"{count} usable"),
        Finding(
            check="photos_for_every_scene",
            name="photos for every scene",
            passed=sound >= PLENTY_OF_PHOTOS,
            found=f"{sound} good ones, {PLENTY_OF_PHOTOS} fill seven scenes with two each",
            severity="warn",
        ),
        Finding(
            check="every_file_usable",
            name="every file could be used",
            passed=not uploaded.rejected,
            found=f"{len(uploaded.rejected)} rejected",
            severity="warn",
        ),
    )


def judge_pairs(shot_list: ShotList) -> tuple[Finding, ...]:
    """No picture twice in a row, none both first and last of a scene, at least one scene, chosen by whom was asked."""
    shown = shot_list.shown()
    row = [name for pair in shown for name in (pair.first, pair.last) if name]
    repeats = [before for before, after in itertools.pairwise(row) if before == after]
    same = [pair.scene for pair in shown if pair.first == pair.last]
    left_out = [pair.scene for pair in shot_list.pairs if pair.left_out]
    return (
        Finding(check="scenes", name="at least one scene", passed=bool(shown), found=f"{len(shown)} scenes"),
        Finding(
            check="photos_differ",
            name="no photo twice in a row",
            passed=not repeats,
            found=", ".join(repeats) or "none",
            severity="warn",  # only a person can choose it (pairing.py never does), and what a person chose stands
        ),
        Finding(check="photos_differ", name="pairs are distinct", passed=not same, found=", ".join(same) or "all are"),
        Finding(
            check="every_scene_filled",
            name="no scene left out",
            passed=not left_out,
            found=", ".join(left_out) or "none",
            severity="warn",
        ),
        judge_chooser(shot_list.chosen),
    )


def judge_chooser(chosen: Chosen | None) -> Finding:
    """Whoever was asked first chose, and all of the answer could be taken over."""
    return Finding(
        check="chosen_by",
        name="chosen by whom it was asked of first",
        passed=chosen is None or not chosen.warnings,
        found=" ".join((chosen.provider, *chosen.warnings)) if chosen is not None else EMBEDDED,
        severity="warn",
    )


def judge_clip(probe: Probe, measures: ClipMeasures, shot: Shot) -> tuple[Finding, ...]:
    """A clip has the film's exact parameters, begins and ends on its photos, moves and is not black."""
    return (
        *judge_silent_picture(probe, shot.film, shot.frames),
        _at_least(
            "starts_and_ends_on_its_photos", "first frame is the first photo", measures.ssim_first, LEAST_SSIM, "SSIM"
        ),
        _at_least(
            "starts_and_ends_on_its_photos", "last frame is the last photo", measures.ssim_last, LEAST_SSIM, "SSIM"
        ),
        _at_least("moves", "no black frame", measures.darkest_luma, min(BLACK_LUMA, 0.9 * measures.photo_luma), "luma"),
        Finding(
            check="moves",
            name="not frozen",
            # The encoder may repeat a frame of a slow move over a plain wall; a clip that never changes is frozen.
            passed=measures.largest_change > 0.0,
            found=f"changes of {measures.smallest_change:.3f} to {measures.largest_change:.3f} levels",
            severity="error" if measures.photo_detail >= BLANK_DETAIL else "warn",
        ),
    )


def judge_track(measures: TrackMeasures, frames: int, fps: int = FILM.fps) -> tuple[Finding, ...]:
    """A track has the film's exact length, loudness and peak."""
    samples = frames * SAMPLE_RATE // fps
    return (
        Finding(
            check="length",
            name="exact length",
            passed=measures.samples == samples and measures.sample_rate == SAMPLE_RATE and measures.channels == 2,
            found=f"{measures.samples} samples of {measures.channels} channels at {measures.sample_rate}, "
            f"{samples} wanted",
        ),
        *_judge_sound(measures),
    )


def judge_film(
    probe: Probe, measures: TrackMeasures, clips: Sequence[Clip], film: FilmFormat = FILM
) -> tuple[Finding, ...]:
    """The film's row of the definition of done: exact picture, exact length, sound that fits."""
    frames = sum(clip.take.frames for clip in clips if clip.take)
    seconds = frames / film.fps
    sound = probe.audio
    return (
        *judge_picture(probe, film, frames),
        Finding(
            check="plays_at_once", name="moov first", passed=probe.moov_first, found="yes" if probe.moov_first else "no"
        ),
        Finding(
            check="sound_format",
            name="AAC-LC, 48 kHz, stereo",
            passed=sound is not None
            and (sound.codec, sound.profile, sound.rate, sound.channels) == ("aac", "LC", SAMPLE_RATE, 2),
            found=f"{sound.codec} {sound.profile}, {sound.rate} Hz, {sound.channels} channels" if sound else "no sound",
        ),
        Finding(
            check="length",
            name="sound and picture end within one frame",
            passed=sound is not None and abs(sound.duration - seconds) <= 1 / film.fps,
            found=f"sound {sound.duration:.3f} s, picture {seconds:.3f} s" if sound else "no sound",
        ),
        *_judge_sound(measures),
    )


def judge_orders(orders: Orders, clips: Sequence[Clip], track_fingerprint: str) -> tuple[Finding, ...]:
    """A film is joined from what was ordered: stale or missing pieces are refused."""
    wanted = {order.scene: order.fingerprint for order in orders.scenes}
    stale = [clip.scene for clip in clips if (clip.take.fingerprint if clip.take else "") != wanted.get(clip.scene, "")]
    return (
        Finding(
            check="picture_format",
            name="clips are those ordered",
            passed=not stale,
            found=f"{', '.join(stale)} changed since: materialize it as well" if stale else "all are",
        ),
        Finding(
            check="sound_format",
            name="track is the one ordered",
            passed=track_fingerprint == orders.track.fingerprint,
            found="yes" if track_fingerprint == orders.track.fingerprint else "no: materialize audio_track again",
        ),
    )


def judge_maker(provider: str, fell: Sequence[str]) -> Finding:
    """Whoever was asked first made a piece; a film in which somebody stands in is whole, but marked."""
    return Finding(
        check="made_by",
        name="made by whom it was asked of first",
        passed=not fell,
        found=f"{provider}. {' '.join(fell)}".strip(),
        severity="warn",
    )


def judge_makers(clips: Sequence[Clip], track: Track) -> Finding:
    """The same for a whole film; who stands in can be asked to give way."""
    fell = {clip.scene: clip for clip in clips if clip.fell} | ({"audio_track": track} if track.fell else {})
    remedy = " `property-video upgrade CAMPAIGN --fallen` asks again."
    return Finding(
        check="made_by",
        name="made by whom it was asked of first",
        passed=not fell,
        found="every piece"
        if not fell
        else " ".join(f"{name}: {' '.join(piece.fell)}" for name, piece in fell.items())
        + (remedy if any(piece.fallen for piece in fell.values()) else ""),
        severity="warn",
    )


def judge_silent_picture(probe: Probe, film: FilmFormat, frames: int) -> tuple[Finding, ...]:
    """A clip's picture has the film's exact parameters, and nothing is heard with it."""
    return (
        *judge_picture(probe, film, frames),
        Finding(
            check="picture_format",
            name="clip is silent",
            passed=probe.audio is None,
            found="no sound" if not probe.audio else "sound",
        ),
    )


def judge_picture(probe: Probe, film: FilmFormat, frames: int) -> tuple[Finding, ...]:
    """A picture has the film's exact parameters: what makes clips join by stream copy."""
    video = probe.video
    if video is None:
        return (Finding(check="picture_format", name="has a picture", passed=False, found="no video stream"),)
    colours = (video.color_range, video.color_space, video.color_transfer, video.color_primaries)
    return (
        Finding(
            check="picture_format",
            name="H.264 High, yuv420p",
            passed=(video.codec, video.profile, video.pix_fmt) == ("h264", "High", "yuv420p"),
            found=f"{video.codec} {video.profile}, {video.pix_fmt}",
        ),
        Finding(
            check="picture_format",
            name=f"{film.width}x{film.height}",
            passed=(video.width, video.height) == (film.width, film.height),
            found=f"{video.width}x{video.height}",
        ),
        Finding(
            check="picture_format",
            name=f"constant {film.fps} fps",
            passed=(video.real_rate, video.average_rate) == (f"{film.fps}/1",) * 2 and len(video.pts_gaps) <= 1,
            found=f"{video.real_rate}, average {video.average_rate}, {len(video.pts_gaps)} distances",
        ),
        Finding(
            check="picture_format", name=f"{frames} frames", passed=video.frames == frames, found=str(video.frames)
        ),
        Finding(
            check="picture_format", name="BT.709, limited range", passed=colours == (1, 1, 1, 1), found=str(colours)
        ),
        Finding(
            check="picture_format",
            name=f"closed GOP of at most {film.keyint} frames",
            passed=video.closed_gop and _longest_gop(video.key_frames, frames) <= film.keyint,
            found=f"key frames at {', '.join(map(str, video.key_frames[:8]))}",
        ),
    )


def _longest_gop(key_frames: Sequence[int], frames: int) -> int:
    if not key_frames or key_frames[0] != 0:
        return frames + 1
    ends = (*key_frames[1:], frames)
    return max(end - start for start, end in zip(key_frames, ends, strict=True))


def _judge_sound(measures: TrackMeasures) -> tuple[Finding, ...]:
    return (
        Finding(
            check="loudness",
            name=f"{TARGET_LUFS:g} LUFS",
            passed=abs(measures.lufs - TARGET_LUFS) <= LOUDNESS_TOLERANCE,
            found=f"{measures.lufs:.1f} LUFS",
        ),
        Finding(
            check="loudness",
            name=f"true peak at most {MOST_TRUE_PEAK:g} dBTP",
            passed=measures.true_peak_dbtp <= MOST_TRUE_PEAK,
            found=f"{measures.true_peak_dbtp:.1f} dBTP",
        ),
        Finding(
            check="loudness",
            name="fades in and out",
            passed=max(measures.first_20ms_dbfs, measures.last_20ms_dbfs) <= QUIET_EDGE,
            found=f"edges {measures.first_20ms_dbfs:.0f} and {measures.last_20ms_dbfs:.0f} dBFS",
        ),
    )


def _at_least(check: str, name: str, value: float, least: float, unit: str) -> Finding:
    return Finding(check=check, name=name, passed=value >= least, found=f"{unit} {value:.3f}, at least {least:g}")
