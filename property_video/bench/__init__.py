"""The benchmark: what a film costs in CPU and memory, against x264 alone, MoviePy, ffmpeg and plain function calls.

Every number is taken from a process of its own, so that nothing is warm that would be cold, and from CPU seconds, so
that it repeats on a busy machine. This package never imports Dagster: the `make` that it measures is a process, too.

    contest.py    the rounds: what is measured, in which order
    measure.py    running one process and seeing what it used
    workloads.py  what the measured processes do
    idiomatic.py  the same film as a MoviePy script
    zoompan.py    the same scene by ffmpeg's zoompan filter
    motion.py     how far frames are from where the camera should have been
    figures.py    the arithmetic from rounds to figures and goals
    report.py     the tables, the JSON, the machine
"""
