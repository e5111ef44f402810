import av
import pytest
from picture_kit import MOVES, SMALL, room, save

from property_video.core.camera import Shot
from property_video.core.errors import BadOutput
from property_video.core.probe import Probe
from property_video.media.measure_clip import measure_clip
from property_video.media.probe import probe
from property_video.media.render import render_clip


def encode_still(path, options, colours=16, frames=40):
    """A clip of our size that somebody else might have made."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = SMALL.width, SMALL.height, "yuv420p"
        frame = av.VideoFrame(SMALL.width, SMALL.height, "yuv420p")
        for plane, level in zip(frame.planes, (colours, 128, 128), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        for number in range(frames):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_foreign_file_is_described_as_it_is(tmp_path):
    path = encode_still(tmp_path / "foreign.mp4", {"x264-params": "keyint=20:min-keyint=20:scenecut=0:open-gop=1"})
    found = probe(path)
    assert not found.moov_first
    assert found.file_bytes == path.stat().st_size
    assert found.video is not None
    assert found.video.color_space != 1
    assert found.video.frames == 40
    assert not found.video.closed_gop
    assert Probe.model_validate_json(found.model_dump_json()) == found


def test_a_file_that_is_no_video_is_refused(tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_bytes(b"hello" * 100)
    with pytest.raises(BadOutput, match=r"notes\.mp4"):
        probe(path)
    with pytest.raises(BadOutput, match=r"absent\.mp4"):
        probe(tmp_path / "absent.mp4")


def test_a_truncated_clip_is_refused_or_shows_fewer_frames(tmp_path):
    photo = save(room(640, 427), tmp_path / "p.jpg")
    clip = tmp_path / "clip.mp4"
    render_clip(photo, None, Shot(move=MOVES["push_in"], frames=60, film=SMALL), clip)
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 2])
    found = probe(clip)
    assert found.video is not None
    assert found.video.frames < 60


def test_a_black_or_frozen_clip_shows_in_its_measures(tmp_path):
    photo = save(room(640, 427), tmp_path / "p.jpg")
    shot = Shot(move=MOVES["push_in"], frames=40, film=SMALL)
    measures = measure_clip(encode_still(tmp_path / "black.mp4", {}), photo, None, shot)
    assert measures.darkest_luma == pytest.approx(16, abs=1)
    assert measures.smallest_change == 0
    assert measures.ssim_first < 0.5
