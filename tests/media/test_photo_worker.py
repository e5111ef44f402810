"""The processes that decode photos: order, crashes, hangs, memory, and that none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from property_video.core.errors import BadPhoto, PropertyVideoError, StoreError
from property_video.core.photo import Reading
from property_video.media.photo_worker import PhotoJob, PhotoWorkers

# A child in which files of certain names meet a misbehaving decoder.
MISBEHAVING = """
import os, signal, sys, time
from property_video.media import photo_worker, read_photo
honest = read_photo.reading_fields
def reading_fields(source, working, preview):
    if "crash" in source.name: os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in source.name: time.sleep(60)
    if "bomb" in source.name: bytearray(3_000_000_000)
    if "noisy" in source.name: os.write(1, b"decoder says hello\\n")
    if "half" in source.name:
        (working.parent / f".x.{os.getpid()}.partial.jpg").write_bytes(b"half"); os.abort()
    return honest(source, working, preview)
read_photo.reading_fields = reading_fields
photo_worker.main()
"""
MISBEHAVING_CHILD = (sys.executable, "-c", MISBEHAVING)


def picture(path: Path, level: int = 90) -> Path:
    Image.new("RGB", (400, 380), (level, level, level)).save(path, "JPEG")
    return path


@pytest.fixture
def job(tmp_path):
    (tmp_path / "out").mkdir()

    def job_for(name: str, level: int = 90) -> PhotoJob:
        number = len(list(tmp_path.iterdir()))
        out = tmp_path / "out"
        return PhotoJob(picture(tmp_path / name, level), out / f"{number}.w.jpg", out / f"{number}.p.jpg")

    return job_for


WORKER = "property_video.media.photo_worker"


def children() -> list[psutil.Process]:
    """The processes that read photos; other tests have servers of theirs running."""
    return [child for child in psutil.Process().children(recursive=True) if WORKER in child.cmdline()]


def test_outcomes_come_in_the_order_of_the_jobs(job, tmp_path):
    jobs = [job(f"{level}.jpg", level) for level in range(10, 130, 10)]
    jobs[3].source.write_bytes(b"no picture")
    told = []
    with PhotoWorkers() as workers:
        outcomes = workers.prepare_many(jobs, lambda done, outcome: told.append((done.source.name, outcome)))
        assert len(children()) == 2
    assert isinstance(outcomes.pop(3), BadPhoto)
    jobs.pop(3)
    assert all(isinstance(outcome, Reading) for outcome in outcomes)
    for done in jobs:
        with Image.open(done.working) as copy:
            assert abs(copy.getpixel((200, 200))[0] - int(done.source.stem)) < 3
    assert sorted(name for name, _ in told) == sorted(path.name for path in tmp_path.glob("*.jpg"))
    assert not children()


def test_nothing_is_started_for_nothing_and_one_child_for_few(job):
    with PhotoWorkers() as workers:
        assert workers.prepare_many([]) == []
        assert not children()
        workers.prepare_many([job("a.jpg"), job("b.jpg")])
        started = children()
        assert len(started) == 1
        workers.prepare_many([job("c.jpg")])
        assert children() == started
    assert not children()


@pytest.mark.parametrize("name", ["new\nline.jpg", "-v", "Küche 🏠.jpg", "x" * 255, os.fsdecode(b"latin-\xe9.jpg")])
def test_any_odd_name_travels_to_the_child(job, name):
    with PhotoWorkers() as workers:
        (outcome,) = workers.prepare_many([job(name)])
    assert isinstance(outcome, Reading)


@pytest.mark.parametrize("trouble", ["crash", "hang", "bomb", "half"])
def test_a_misbehaving_decoder_costs_one_photo(job, tmp_path, trouble):
    jobs = [job("1.jpg"), job(f"2 {trouble}.jpg"), job("3.jpg")]
    with PhotoWorkers(seconds=2, command=MISBEHAVING_CHILD) as workers:
        first, bad, last = workers.prepare_many(jobs)
    assert isinstance(first, Reading)
    assert isinstance(last, Reading)
    assert isinstance(bad, BadPhoto)
    assert ("longer than 2" in bad.reason) == (trouble == "hang")
    assert bad.remedy
    assert not list((tmp_path / "out").glob(".*"))


def test_what_a_decoder_prints_does_not_disturb_the_answers(job):
    with PhotoWorkers(command=MISBEHAVING_CHILD) as workers:
        assert all(isinstance(outcome, Reading) for outcome in workers.prepare_many([job("noisy.jpg"), job("b.jpg")]))


def test_a_child_that_was_killed_while_idle_is_replaced(job):
    with PhotoWorkers() as workers:
        workers.prepare_many([job("a.jpg")])
        (child,) = children()
        child.kill()
        child.wait()
        (outcome,) = workers.prepare_many([job("b.jpg")])
    assert isinstance(outcome, Reading)


def test_a_child_that_cannot_start_is_no_fault_of_the_photos(job):
    broken = (sys.executable, "-c", "import sys; sys.exit('no such library')")
    with pytest.raises(PropertyVideoError, match="no such library"), PhotoWorkers(command=broken) as workers:
        workers.prepare_many([job("a.jpg")])


def test_a_copy_that_cannot_be_written_stops_the_reading(job, tmp_path):
    good = job("a.jpg")
    unwritable = PhotoJob(good.source, tmp_path / "missing" / "w.jpg", good.preview)
    with pytest.raises(StoreError), PhotoWorkers() as workers:
        workers.prepare_many([unwritable] * 6)
    assert not children()


def test_an_interrupt_leaves_no_process_behind(job):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    jobs = [job("a.jpg"), *(job(f"hang {number}.jpg") for number in range(5))]
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), PhotoWorkers(command=MISBEHAVING_CHILD) as workers:
        workers.prepare_many(jobs, interrupt)
    assert time.monotonic() - started < 10
    assert not children()


def test_children_end_when_their_parent_is_killed(job):
    parent_code = """
import sys
from pathlib import Path
from property_video.media.photo_worker import PhotoJob, PhotoWorkers
with PhotoWorkers() as workers:
    workers.prepare_many([PhotoJob(*map(Path, sys.argv[1:]))])
    print("ready", flush=True)
    sys.stdin.read()
"""
    one = job("a.jpg")
    arguments = [sys.executable, "-c", parent_code, one.source, one.working, one.preview]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "ready\n"
        orphans = psutil.Process(parent.pid).children(recursive=True)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert len(orphans) == 1
    gone, alive = psutil.wait_procs(orphans, timeout=5)
    assert (gone, alive) == (orphans, [])


def test_a_child_loads_neither_numpy_nor_the_records_library():
    code = (
        "import sys, property_video.media.photo_worker, property_video.media.read_photo as r, PIL.Image\n"
        "print(sorted({'numpy', 'pydantic', 'cv2', 'dagster', 'pillow_heif'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def hundred_megapixels(path: Path, **options: object) -> Path:
    """12240x8160 pixels of gentle texture, made in a process of its own so that this one's peak stays small."""
    code = f"""
import numpy as np
from PIL import Image, ImageFile
Image.MAX_IMAGE_PIXELS = None
ImageFile.MAXBLOCK = 1 << 28
noise = np.random.default_rng(5).integers(0, 256, (170, 255, 3), dtype=np.uint8)
Image.fromarray(noise).resize((12240, 8160), Image.Resampling.BILINEAR).save({str(path)!r}, quality=85, **{options!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    return path


MEASURE = """
import resource, sys
from pathlib import Path
from property_video.media.photo_worker import PhotoJob, PhotoWorkers
with PhotoWorkers() as workers:
    (reading,) = workers.prepare_many([PhotoJob(*map(Path, sys.argv[1:]))])
print(reading.width, reading.height, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "megabytes"),
    [({}, 250), ({"subsampling": 0}, 250), ({"progressive": True}, 400)],
    ids=["baseline", "baseline 4:4:4", "progressive"],
)
def test_a_hundred_megapixel_jpeg_is_read_within_the_memory_goal(tmp_path, options, megabytes):
    source = hundred_megapixels(tmp_path / "a.jpg", **options)
    copies = [tmp_path / "w.jpg", tmp_path / "p.jpg"]
    said = subprocess.check_output([sys.executable, "-c", MEASURE, source, *copies], text=True).split()
    assert said[:2] == ["12240", "8160"]
    assert int(said[2]) * 1024 < megabytes * 1e6
    with Image.open(copies[0]) as working:
        assert 2048 <= working.width <= 3072
        assert np.asarray(working).std() > 10
