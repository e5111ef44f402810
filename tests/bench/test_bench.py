"""The benchmark: its arithmetic, what it prints and writes, and that its contestants do the same job."""

import filecmp
import io
import json
import os
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from property_video.bench.contest import MAKE_IMPORTS, Measured, Memory, Motion, Rival, Round, SceneRound, measure
from property_video.bench.figures import costs, figures, shares
from property_video.bench.measure import Usage, run
from property_video.bench.report import as_json, cost_table, figure_table, machine, share_table, shown, write_json
from property_video.bench.zoompan import RECIPES
from property_video.core.brief import Brief
from property_video.core.camera import Pose, Shot
from property_video.core.edits import Edits
from property_video.core.errors import PropertyVideoError
from property_video.core.film import FilmFormat
from property_video.core.orders import Orders, PhotoInput, SceneOrder, TrackOrder
from property_video.core.outputs import Track
from property_video.core.score import Passage
from property_video.core.wishes import resolve
from property_video.media.loudness import measure_track
from property_video.media.pictures import frames_at
from property_video.settings import PACKAGE
from property_video.store import keys
from property_video.store.local import LocalStore
from property_video.storyboards import load_moves, load_storyboard

SMALL = FilmFormat(width=320, height=180, fps=30, keyint=60)


def used(cpu: float, startup: float = 0.0, peak: float = 100.0, tree: float | None = None) -> Usage:
    return Usage(cpu_s=cpu, wall_s=cpu, peak_mb=peak, tree_mb=tree, startup_cpu_s=startup)


def a_round(make: float = 24.0, moviepy: float = 41.0) -> Round:
    """Two scenes: x264 takes 10 s, rendering 14 s with joining, plain calls 20 s."""
    scene = SceneRound(
        scene="scene_1", frames=60, painting_cpu_s=1.5, reading_cpu_s=0.5, x264=used(6.0, 0.5), clip=used(7.0, 0.5)
    )
    return Round(
        scenes=(scene, scene.model_copy(update={"scene": "scene_2"})),
        join=used(1.5, 0.5),
        make=used(make),
        plain=used(20.5, 0.5),
        make_found=used(5.0),
        plain_found=used(1.5, 0.5),
        make_imports=used(2.0),
        plain_parts={"photos": 2.0, "looking": 1.0, "scenes": 14.5, "track": 1.0, "film": 1.5},
        moviepy=Rival(scene="scene_1", frames=60, usage=used(moviepy, 1.0)),
        zoompan={
            "naive": Rival(scene="scene_1", frames=60, usage=used(8.5, 0.5)),
            "8000 px": Rival(scene="scene_1", frames=60, usage=used(28.5, 0.5)),
        },
    )


def a_benchmark(*rounds: Round) -> Measured:
    memory = Memory(
        make=used(1, peak=300, tree=350),
        make_baseline=used(1, peak=380, tree=400),
        make_progressive=used(1, peak=380, tree=410),
        long_track=used(1, peak=200),
    )
    motion = Motion(
        ours={"push": 0.011, "truck": 0.017},
        zoompan={"naive": {"push": 0.57, "truck": 0.45}, "8000 px": {"push": 0.14, "truck": 0.11}},
    )
    return Measured(quick=False, frames=120, memory=memory, motion=motion, rounds=rounds or (a_round(),))


def values(measured: Measured) -> dict[str, float]:
    return {row.name: row.value for row in figures(measured)}


def test_ratios_compare_work_without_starting_and_importing():
    found = values(a_benchmark())
    assert found["rendering / x264 alone"] == pytest.approx((6.5 + 6.5 + 1.0) / 10.0)
    assert found["joining, CPU"] == pytest.approx(1.0)


def test_make_counts_whole_against_x264():
    assert values(a_benchmark())["make from a cold start / x264 alone"] == pytest.approx(2.4)


def test_one_scene_of_moviepy_stands_for_the_film_by_its_frames():
    found = values(a_benchmark())
    assert found["make from a cold start / MoviePy"] == pytest.approx(24 / 80)
    assert found["rendering / MoviePy"] == pytest.approx(14 / 80)


def test_zoompan_is_held_against_rendering_and_its_motion_error_stands_beside_the_time():
    rows = {row.name: row for row in figures(a_benchmark())}
    assert rows["rendering / zoompan, naive"].value == pytest.approx(14 / 16)
    assert rows["rendering / zoompan, 8000 px"].value == pytest.approx(14 / 56)
    assert "0.57 px" in rows["rendering / zoompan, naive"].note
    shown_px = {row.name: row.motion_px for row in costs(a_benchmark())}
    assert shown_px["zoompan, naive, one scene"] == 0.57
    assert shown_px["rendering: clips and joining"] == 0.017


def test_motion_is_judged_by_its_median_and_shows_both_moves():
    row = next(row for row in figures(a_benchmark()) if row.name == "motion error of rendering")
    assert (row.least, row.most) == (0.011, 0.017) and row.met


def test_the_parts_of_make_are_all_of_it():
    rows = {row.name: row.cpu_s for row in shares(a_benchmark())}
    assert sum(rows.values()) == pytest.approx(24.0)
    assert rows["x264"] == pytest.approx(10.0) and rows["verifying clips, stills"] == pytest.approx(1.5)


def test_overhead_of_dagster_leaves_imports_out_on_both_sides():
    found = values(a_benchmark())
    assert found["Dagster's overhead, share of the film"] == pytest.approx(22 / 20 - 1)
    assert found["Dagster's overhead when everything is found"] == pytest.approx((3 - 1) / 20)


def test_a_figure_is_the_median_of_its_rounds_with_their_range():
    row = figures(a_benchmark(a_round(make=20), a_round(make=40), a_round(make=21)))[1]
    assert (row.value, row.least, row.most) == pytest.approx((2.1, 2.0, 4.0))
    assert row.met


def test_pairs_are_formed_within_a_round():
    measured = a_benchmark(a_round(make=20, moviepy=21), a_round(make=40, moviepy=41), a_round(make=60, moviepy=61))
    row = next(row for row in figures(measured) if row.name == "make from a cold start / MoviePy")
    assert row.least == row.most == pytest.approx(0.5)


def test_memory_is_the_process_tree_or_one_process_where_that_is_more():
    found = values(a_benchmark())
    assert found["memory, make of the sample"] == 350
    assert found["memory, composing 180 s"] == 200


def test_goals_are_judged_at_their_edge():
    met = {row.name: row.met for row in figures(a_benchmark())}
    assert met["make from a cold start / x264 alone"] is False
    assert met["make from a cold start / MoviePy"] is False
    assert met["memory, make with a 100-megapixel JPEG"] is True
    assert met["memory, make with a progressive one"] is False
    assert met["make, everything found: CPU"] is None


def test_a_quick_film_is_too_short_for_goals_but_memory_is_judged():
    met = {row.name: row.met for row in figures(a_benchmark().model_copy(update={"quick": True}))}
    assert met["make from a cold start / x264 alone"] is None
    assert met["memory, make with a progressive one"] is False


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.524, "x", "1.52x"),
        (0.25, "1/x", "1/4"),
        (0.118, "1/x", "1/8.5"),
        (0.123, "%", "12.3%"),
        (372.4, "MB", "372 MB"),
        (0.0174, "px", "0.017 px"),
    ],
)
def test_values_read_as_people_say_them(value, unit, text):
    assert shown(value, unit) == text


def test_the_tables_show_every_figure_and_every_contestant():
    measured = a_benchmark()
    console = Console(file=io.StringIO(), width=220)
    console.print(figure_table(figures(measured), 1), cost_table(costs(measured)), share_table(shares(measured)))
    printed = console.file.getvalue()
    for row in [*figures(measured), *costs(measured), *shares(measured)]:
        assert row.name in printed
    assert "ok" in printed and "no" in printed


def test_the_json_holds_machine_figures_and_all_rounds_and_no_path(tmp_path):
    measured, out = a_benchmark(a_round(), a_round()), tmp_path / "bench.json"
    write_json(measured, machine(), out)
    text = out.read_text()
    told = json.loads(text)
    assert Measured.model_validate(told["raw"]) == measured
    assert told["machine"]["packages"].keys() >= {"av", "numpy", "moviepy", "dagster"}
    assert told["machine"]["cores"] >= 1
    assert {row["name"] for row in told["figures"]} == set(values(measured))
    assert [row["name"] for row in told["shares"]] == [row.name for row in shares(measured)]
    assert str(Path.home()) not in text and str(PACKAGE) not in text
    assert as_json(measured, {})["figures"] == told["figures"]


# -- measuring a process


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_process_is_charged_for_its_children_and_for_its_memory_but_not_for_ours(tmp_path):
    ours = b"x" * 300_000_000
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    code = f"import subprocess, sys; b = b'x' * 90_000_000; subprocess.run([sys.executable, '-c', {burn!r}])"
    usage, said = run(python(code), tmp_path, os.environ)
    assert 0.3 <= usage.cpu_s < 3
    assert 90 < usage.peak_mb < 250 < len(ours) / 1e6
    assert usage.tree_mb is None and said == {}


def test_memory_of_a_tree_is_that_of_its_processes_together(tmp_path):
    hold = "b = b'x' * 60_000_000; import time; time.sleep(0.8)"
    code = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; p.wait()"
    usage, _ = run(python(code), tmp_path, os.environ, watched=True)
    assert usage.tree_mb is not None
    assert 120 < usage.tree_mb < 200


def test_what_a_process_prints_comes_back_and_its_start_is_told_apart(tmp_path):
    code = "import json, time; print(json.dumps({'startup_cpu_s': time.process_time(), 'frames': 3}))"
    usage, said = run(python(code), tmp_path, os.environ)
    assert said == {"frames": 3}
    assert 0 < usage.startup_cpu_s <= usage.cpu_s
    assert usage.work_cpu_s == pytest.approx(usage.cpu_s - usage.startup_cpu_s)


def test_a_process_that_fails_says_why(tmp_path):
    with pytest.raises(PropertyVideoError, match=r"code 3: no luck"):
        run(python("import sys; print('no luck', file=sys.stderr); sys.exit(3)"), tmp_path, os.environ)


# -- the contestants do the same job


def photo(path: Path, seed: int) -> Path:
    """Soft shapes: enough to tell a right frame from a wrong one, nothing that a resampler could alias."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(30, 225, (6, 9, 3), np.uint8))
    small.resize((720, 480), Image.Resampling.BICUBIC).save(path, "JPEG", quality=95)
    return path


@pytest.fixture
def placed(tmp_path):
    """A store that a `make` of one small scene might have left."""
    store = LocalStore(tmp_path / "store")
    wishes = resolve("small", Brief(), Edits(), load_storyboard("luxury_property"), load_moves())
    first, last = (
        PhotoInput(
            name=name,
            working=store.adopt(photo(tmp_path / name, seed)).key,
            preview="",
            room="bedroom",
            width=720,
            height=480,
        )
        for seed, name in enumerate(("first.jpg", "last.jpg"))
    )
    as_it_is = Pose(dusk=True)
    shot = Shot(move=load_moves()["push_in"], frames=30, dissolve_frames=6, film=SMALL, first=as_it_is, last=as_it_is)
    scene = SceneOrder(scene="scene_1", number=1, title="One", first=first, last=last, shot=shot)
    track = TrackOrder(passages=(Passage(frames=30, energy=0.5),), fps=30, mood="warm", seed=1, fingerprint="t")
    orders = Orders(wishes=wishes, photos=(first, last), pairs=(), listing="", scenes=(scene,), track=track)
    store.write(keys.record("orders", "small"), orders)
    store.write(keys.record("audio_track", "small"), silence(store, tmp_path))
    return tmp_path


def silence(store: LocalStore, folder: Path) -> Track:
    file = folder / "track.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(48_000)
        sound.writeframes(bytes(4 * 48_000))
    measures = measure_track(file)
    return Track(
        fingerprint="t",
        media=store.adopt(file),
        provider="embedded",
        mood="warm",
        seed=1,
        frames=30,
        cuts=(),
        measures=measures,
        wall_s=0.0,
        cpu_s=0.0,
    )


def work(folder: Path, name: str, **arguments: object) -> tuple[Usage, dict[str, float]]:
    words = {"store": "store", "campaign": "small", **arguments}
    return run([sys.executable, "-m", "property_video.bench.workloads", name, json.dumps(words)], folder, os.environ)


def test_x264_alone_encodes_exactly_the_frames_that_rendering_encodes(placed):
    _, said = work(placed, "paint", scene="scene_1", out="raw.yuv")
    usage, read = work(placed, "x264", scene="scene_1", raw="raw.yuv", out="x264.mp4")
    work(placed, "clip", scene="scene_1", out="clip.mp4")
    assert said["painting_cpu_s"] > 0
    assert 0 < read["reading_cpu_s"] < usage.work_cpu_s
    assert 0 < usage.startup_cpu_s < usage.cpu_s
    assert (placed / "raw.yuv").stat().st_size == 30 * 320 * 180 * 3 // 2
    assert filecmp.cmp(placed / "x264.mp4", placed / "clip.mp4", shallow=False)


def test_moviepy_shows_the_same_pictures_at_the_same_times(placed):
    work(placed, "clip", scene="scene_1", out="clip.mp4")
    work(placed, "moviepy", scenes=["scene_1"], out="moviepy.mp4")
    moments = [0, 8, 15, 22, 29]
    ours, theirs = (frames_at(placed / name, moments) for name in ("clip.mp4", "moviepy.mp4"))
    differences = [np.abs(a.astype(int) - b).mean() for a, b in zip(ours, theirs, strict=True)]
    apart = np.abs(ours[0].astype(int) - ours[-1]).mean()
    assert max(differences) < 8 < apart


@pytest.mark.parametrize("recipe", RECIPES)
def test_zoompan_shows_the_same_pictures_at_the_same_times(placed, recipe):
    work(placed, "clip", scene="scene_1", out="clip.mp4")
    work(placed, "zoompan", scene="scene_1", recipe=recipe, out="zoompan.mp4")
    moments = [0, 8, 15, 22, 29]
    ours, theirs = (frames_at(placed / name, moments) for name in ("clip.mp4", "zoompan.mp4"))
    # It fades linearly, and fed with a JPEG it writes full-range levels: shapes are compared, not levels.
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(ours, theirs, strict=True)]
    apart = np.corrcoef(ours[0].ravel(), theirs[-1].ravel())[0, 1]
    assert min(alike) > 0.95 > 0.8 > apart


@pytest.mark.slow
def test_a_quick_benchmark_runs_through_and_is_plausible():
    heard: list[str] = []
    measured = measure(rounds=1, quick=True, photos=PACKAGE / "sample", tell=heard.append)
    assert measured.frames == 120
    assert [scene.frames for scene in measured.rounds[0].scenes] == [60, 60]
    for row in figures(measured):
        assert np.isfinite(row.value)
        assert row.value > 0 or row.name.startswith("Dagster")
    found = values(measured)
    assert 1 < found["rendering / x264 alone"] < 10
    assert found["rendering / MoviePy"] < 1
    assert found["memory, make of the sample"] > 100
    assert any("MoviePy" in line for line in heard)
    assert all(cost.cpu_s > 0 for cost in costs(measured))
    assert found["motion error of rendering"] < 0.05 < measured.motion.zoompan["8000 px"]["push"]


@pytest.mark.slow
def test_what_make_imports_is_still_there(tmp_path):
    usage, _ = run(python(f"import {', '.join(MAKE_IMPORTS)}"), tmp_path, os.environ)
    assert usage.cpu_s > 0
