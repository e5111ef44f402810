"""The base of every record that crosses a boundary (store, Dagster, command line).

Not here: any record itself; each lives beside the rules that make it.
"""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value with a JSON form; unknown keys are errors.

    Floats keep their shortest exact form in JSON, so writing and reading back is lossless.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
