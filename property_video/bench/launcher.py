"""Runs one command from a small process and writes down what it used; started by measure.py, imported by nobody.

A process inherits the peak memory of the one it was forked from (Linux folds it into ru_maxrss at exec). Measured from
a test runner of 700 MB, an interpreter of 10 MB "had" 700 MB; measured from here it has its own. So nothing heavy is
imported here.

Not here: what is measured and why (measure.py, contest.py).

    python -I -S launcher.py REPORT COMMAND [ARGUMENT…]

REPORT receives "status user_s system_s maxrss_kib" of the command and its children that were waited for.
"""

import os
import signal
import sys


def main(report: str, command: list[str]) -> None:
    """Run the command to its end; SIGTERM kills it."""
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)  # noqa: S606 - our own words
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command hears it too, and decides
    _, status, used = os.wait4(pid, 0)
    with open(report, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is 2 MB
        file.write(f"{os.waitstatus_to_exitcode(status)} {used.ru_utime} {used.ru_stime} {used.ru_maxrss}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
