"""How our errors become Dagster's: permanent and transient are two types, said once.

A `TransientError` asks for another try. Every other error ends the step at once: trying again would fail the same way.

Steps carry no `retry_policy` of Dagster's: with one, Dagster also retries a step that a person interrupted
(`op_execution_error_boundary` in 1.13.27 "respects the retry policy when interrupts occur"), so that neither Ctrl-C nor
the UI's Terminate would stop a film.

Not here: what errors there are (core/errors.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from property_video.core.errors import PropertyVideoError, TransientError

PATIENTLY: Final = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""How often, and after how many seconds, a step with a transient error is tried again."""

KIND: Final = "error"
REASON: Final = "reason"
REMEDY: Final = "remedy"


@contextmanager
def told_to_dagster(
    context: dg.AssetExecutionContext | None = None, retry: dg.RetryPolicy | None = None
) -> Iterator[None]:
    """Translate our errors into failures whose metadata says what happened and what to do.

    Args:
        context: the step that may be tried again.
        retry: how often and how soon; without it even transient errors end the step.
    """
    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except TransientError as error:
        if context is None or retry is None:
            raise _failure(error, error.reason, error.remedy) from error
        wait_s = retry.calculate_delay(context.retry_number + 1)
        raise dg.RetryRequested(max_retries=retry.max_retries, seconds_to_wait=wait_s) from error
    except PropertyVideoError as error:
        raise _failure(error, error.reason, error.remedy) from error
    except Exception as error:
        raise _failure(error, f"{type(error).__name__}: {error}", "See the log.") from error


def _failure(error: Exception, reason: str, remedy: str) -> dg.Failure:
    return dg.Failure(
        description=f"{reason} {remedy}".strip(),
        metadata={KIND: type(error).__name__, REASON: reason, REMEDY: remedy or "-"},
        allow_retries=False,
    )
