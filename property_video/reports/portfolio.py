"""What all campaigns' films say together.

Not here: recording them (tables.py).
"""

from typing import TYPE_CHECKING

from property_video.reports.tables import load_rows
from property_video.store.base import Store

if TYPE_CHECKING:
    import pandas as pd

FILMS_SQL = """
    SELECT campaign, client, title, storyboard, scenes, left_out, round(seconds, 1) AS seconds,
           round(bytes / 1e6, 1) AS megabytes, round(lufs, 1) AS lufs,
           round(wall_seconds, 1) AS wall_seconds, round(cpu_seconds, 1) AS cpu_seconds, cost_usd
    FROM films
    ORDER BY client, campaign
"""

CLIENTS_SQL = """
    SELECT CASE client WHEN '' THEN '(no client)' ELSE client END AS client, count(*) AS films,
           round(sum(seconds), 1) AS seconds, round(sum(bytes) / 1e6, 1) AS megabytes,
           round(sum(wall_seconds), 1) AS wall_seconds, round(sum(cpu_seconds), 1) AS cpu_seconds,
           round(sum(cost_usd), 2) AS cost_usd
    FROM films
    GROUP BY ALL
    ORDER BY client
"""


def films_frame(store: Store) -> "pd.DataFrame":
    """One row per campaign's last film, by client and campaign; empty when there is none."""
    return _query(store, FILMS_SQL)


def clients_frame(store: Store) -> "pd.DataFrame":
    """One row per client: films, seconds, sizes, time and money."""
    return _query(store, CLIENTS_SQL)


def _query(store: Store, sql: str) -> "pd.DataFrame":
    import duckdb
    import pandas as pd

    with duckdb.connect() as db:
        return db.execute(sql).df() if load_rows(db, store, "films") else pd.DataFrame()
