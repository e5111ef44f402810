import os
import socket
import subprocess
import sys

import pytest

from property_video.engine.processes import Worker, age_of, is_alive, signature, signer, start_of

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def sleeper():
    """A living process that ends with its input."""
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_lives_until_it_is_gone(sleeper):
    started = start_of(sleeper.pid)
    assert is_alive(sleeper.pid)
    assert is_alive(sleeper.pid, started)
    sleeper.kill()
    sleeper.wait()
    assert not is_alive(sleeper.pid)
    assert start_of(sleeper.pid) == ""


def test_a_killed_process_is_gone_before_its_parent_notices(sleeper):
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    assert not is_alive(sleeper.pid)


def test_a_later_process_of_the_same_number_is_another_one(sleeper):
    earlier = str(int(start_of(sleeper.pid)) - 1)
    assert not is_alive(sleeper.pid, earlier)


def test_a_name_with_spaces_and_brackets_does_not_confuse(tmp_path):
    program = tmp_path / "a) S (b c"
    program.symlink_to(sys.executable)
    with subprocess.Popen([program, *SLEEPER[1:]], stdin=subprocess.PIPE) as process:
        assert int(start_of(process.pid)) >= int(start_of(os.getpid()))
        process.kill()


def test_a_run_is_signed_by_this_process():
    assert signer("run-1", signature("run-1")) == Worker(os.getpid(), start_of(os.getpid()), socket.gethostname())


def test_a_signature_inherited_from_another_run_does_not_count():
    assert signer("run-2", signature("run-1")) is None
    assert signer("run-2", {}) is None


def test_a_process_grows_older_and_one_that_is_gone_has_no_age(sleeper):
    young, old = age_of(sleeper.pid), age_of(os.getpid())
    assert young is not None and old is not None
    assert 0 <= young < old
    sleeper.kill()
    sleeper.wait()
    assert age_of(sleeper.pid) is None
