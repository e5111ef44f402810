"""The portfolio: all campaigns' films in one table. Not partitioned.

It reads recorded tables and no asset's output: an input from a partitioned asset would fail as soon as one campaign
was never made.

Not here: the queries (reports/portfolio.py).
"""

from typing import TYPE_CHECKING

import dagster as dg

from property_video.defs.failures import told_to_dagster
from property_video.defs.metadata import table
from property_video.reports.portfolio import clients_frame, films_frame
from property_video.store.base import Store

if TYPE_CHECKING:
    import pandas as pd


@dg.asset(
    deps=["final_video"],
    group_name="portfolio",
    kinds={"duckdb", "pandas"},
    owners=["team:campaigns"],
    code_version="1",
    # A film does not wait for it, and a campaign that was never made does not keep it from being refreshed.
    automation_condition=dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing()),
    description="All films: lengths, sizes, time and money, per campaign and per client.",
)
def portfolio(store: dg.ResourceParam[Store]):
    """Query the recorded films."""
    with told_to_dagster():
        films, clients = films_frame(store), clients_frame(store)
    return dg.MaterializeResult(
        metadata={
            "films": table(_rows(films)),
            "clients": table(_rows(clients)),
            "campaigns": len(films),
            "seconds of film": float(films["seconds"].sum()) if len(films) else 0.0,
        }
    )


def _rows(frame: "pd.DataFrame") -> list[dict[str, str | int | float | bool]]:
    """Rows of a frame as plain Python scalars, which is what Dagster's tables take."""
    return [
        {str(column): value.item() if hasattr(value, "item") else value for column, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]
