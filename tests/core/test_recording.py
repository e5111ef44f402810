import pytest

from property_video.core.brief import parse_brief
from property_video.core.errors import BadBrief, BadInput
from property_video.core.recording import check_recording, is_sound_name


@pytest.mark.parametrize("name", ["song.mp3", "Sommerlied (final).M4A", "träume.flac", "a.opus"])
def test_a_brief_may_name_a_sound_file(name):
    assert parse_brief({"music": {"file": name, "mood": "calm"}}, "campaign.yaml").music.file == name
    assert is_sound_name(name)


@pytest.mark.parametrize(
    "name", ["../song.mp3", "/music/song.mp3", "music\\song.mp3", "..", ".song.mp3", "photos/a.wav"]
)
def test_a_sound_file_outside_the_folder_is_refused(name):
    with pytest.raises(BadBrief, match=r"music\.file.*bare name of a file beside the brief"):
        parse_brief({"music": {"file": name}}, "campaign.yaml")


@pytest.mark.parametrize("name", ["song", "song.mid", "pool.jpg", ""])
def test_a_name_that_is_no_sound_file_s_is_refused_with_those_that_are(name):
    with pytest.raises(BadBrief, match=r"music\.file.*mp3"):
        parse_brief({"music": {"file": name}}, "campaign.yaml")


@pytest.mark.parametrize(
    ("seconds", "level", "says"),
    [
        (3.9, -10, r"lasts 3\.9 s; at least 4 s"),
        (901, -10, r"is longer than 15 minutes\. Cut out the part"),
        (60, -75, "is silent"),
    ],
)
def test_too_short_too_long_and_silent_recordings_are_refused_by_name(seconds, level, says):
    with pytest.raises(BadInput, match=r"music\.file: song\.mp3 " + says):
        check_recording("song.mp3", seconds, level)
    check_recording("song.mp3", 60, -30)
