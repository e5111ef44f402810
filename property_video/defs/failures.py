"""How our errors become Dagster's: permanent and transient are two types, said once.

A `TransientError` passes through and the step's retry policy obeys it. Every other error ends the step at once:
trying again would fail the same way.

Not here: what errors there are (core/errors.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from property_video.core.errors import PropertyVideoError, TransientError

PATIENTLY: Final = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For transient errors; permanent ones never reach it."""

KIND: Final = "error"
REASON: Final = "reason"
REMEDY: Final = "remedy"


@contextmanager
def told_to_dagster() -> Iterator[None]:
    """Translate our errors into failures whose metadata says what happened and what to do."""
    try:
        yield
    except (TransientError, dg.Failure):
        raise
    except PropertyVideoError as error:
        raise dg.Failure(
            description=str(error),
            metadata={KIND: type(error).__name__, REASON: error.reason, REMEDY: error.remedy or "-"},
            allow_retries=False,
        ) from error
    except Exception as error:
        raise dg.Failure(
            description=f"{type(error).__name__}: {error}",
            metadata={KIND: type(error).__name__, REASON: str(error) or type(error).__name__, REMEDY: "See the log."},
            allow_retries=False,
        ) from error
