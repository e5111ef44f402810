"""Recorded tables: one Parquet file per campaign and table, so that many runs write at once and nobody holds a lock.

From time to time they are brought together in one file per table: ten thousand small ones take long to open.

DuckDB writes and reads them; it is not the store.

Not here: questions (portfolio.py).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from property_video.core.outputs import Film
from property_video.store import keys
from property_video.store.base import Store

if TYPE_CHECKING:
    import duckdb

FILMS: Final = {
    "campaign": "VARCHAR",
    "client": "VARCHAR",
    "title": "VARCHAR",
    "storyboard": "VARCHAR",
    "fingerprint": "VARCHAR",
    "media": "VARCHAR",
    "scenes": "INTEGER",
    "left_out": "INTEGER",
    "seconds": "DOUBLE",
    "bytes": "BIGINT",
    "lufs": "DOUBLE",
    "wall_seconds": "DOUBLE",
    "cpu_seconds": "DOUBLE",
    "cost_usd": "DOUBLE",
}

SCENES: Final = {
    "campaign": "VARCHAR",
    "scene": "VARCHAR",
    "title": "VARCHAR",
    "first": "VARCHAR",
    "last": "VARCHAR",
    "move": "VARCHAR",
    "provider": "VARCHAR",
    "confidence": "DOUBLE",
    "left_out": "VARCHAR",
    "seconds": "DOUBLE",
    "cpu_seconds": "DOUBLE",
    "cost_usd": "DOUBLE",
}

TABLES: Final = ("films", "scenes")


def record_film(store: Store, film: Film) -> None:
    """Record a campaign's last film and its scenes."""
    shown = [clip for clip in film.scenes if clip.take]
    write_table(
        store,
        "films",
        film.campaign,
        FILMS,
        [
            {
                "campaign": film.campaign,
                "client": film.client,
                "title": film.title,
                "storyboard": film.storyboard,
                "fingerprint": film.fingerprint,
                "media": film.media.key,
                "scenes": len(shown),
                "left_out": len(film.scenes) - len(shown),
                "seconds": film.duration_s,
                "bytes": film.media.bytes,
                "lufs": film.measures.lufs,
                "wall_seconds": film.wall_s,
                "cpu_seconds": film.cpu_s,
                "cost_usd": film.cost_usd,
            }
        ],
    )
    write_table(
        store,
        "scenes",
        film.campaign,
        SCENES,
        [
            {
                "campaign": film.campaign,
                "scene": clip.scene,
                "title": clip.title,
                "first": clip.first,
                "last": clip.last,
                "move": clip.move,
                "provider": clip.take.provider if clip.take else "",
                "confidence": clip.confidence,
                "left_out": clip.left_out,
                "seconds": clip.take.frames / 30 if clip.take else 0.0,
                "cpu_seconds": clip.take.cpu_s if clip.take else 0.0,
                "cost_usd": clip.cost_usd,
            }
            for clip in film.scenes
        ],
    )


def write_table(
    store: Store,
    name: str,
    campaign: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, str | int | float]],
) -> None:
    """Replace a campaign's rows of a table.

    Args:
        store: where to.
        name: the table.
        campaign: whose rows.
        columns: SQL types by column name.
        rows: a value for every column.
    """
    import duckdb

    with store.scratch("table") as scratch, duckdb.connect() as db:
        declared = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        db.execute(f"CREATE TABLE rows ({declared})")
        marks = ", ".join("?" for _ in columns)
        for row in rows:
            db.execute(f"INSERT INTO rows VALUES ({marks})", [row[column] for column in columns])  # noqa: S608
        out = scratch / "rows.parquet"
        db.execute("COPY rows TO $out (FORMAT parquet, COMPRESSION zstd)", {"out": str(out)})
        store.place(out, keys.table(name, campaign))


def load_rows(db: "duckdb.DuckDBPyConnection", store: Store, name: str) -> bool:
    """Load a recorded table into a table of that name; False when there are no rows.

    What a campaign's own file says outranks what was brought together earlier.
    """
    own = [str(file) for file in store.files(keys.tables(name)) if file.suffix == ".parquet"]
    together = [str(file) for file in store.files(keys.compacted_table(name).rsplit("/", 1)[0])]
    if not own and not together:
        return False
    if not together:
        db.execute(f"CREATE TABLE {name} AS FROM read_parquet($own, union_by_name=true)", {"own": own})
        return True
    db.execute(f"CREATE TABLE {name} AS FROM read_parquet($together)", {"together": together})
    if own:
        db.execute("CREATE TEMP TABLE own AS FROM read_parquet($own, union_by_name=true)", {"own": own})
        db.execute(f"DELETE FROM {name} WHERE campaign IN (SELECT campaign FROM own)")  # noqa: S608 - a name of ours
        db.execute(f"INSERT INTO {name} BY NAME FROM own")
    return True


def compact_tables(store: Store) -> int:
    """Bring the rows of every recorded table together in one file; return how many campaigns' files that were.

    Rows of campaigns that have no film any more are left out. Nobody may write rows meanwhile (`store.leases`).

    Raises:
        StoreFull, StoreError: the store cannot be read or written.
    """
    import duckdb

    films = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.keys("records/final_video")]
    merged = 0
    for name in TABLES:
        own = [key for key in store.keys(keys.tables(name)) if key.endswith(".parquet")]
        with store.scratch("compact") as scratch, duckdb.connect() as db:
            if not load_rows(db, store, name):
                continue
            db.execute("CREATE TEMP TABLE kept AS SELECT unnest($films) AS campaign", {"films": films})
            db.execute(f"DELETE FROM {name} WHERE campaign NOT IN (SELECT campaign FROM kept)")  # noqa: S608
            out = scratch / "rows.parquet"
            copy = f"COPY (FROM {name} ORDER BY campaign) TO $out (FORMAT parquet, COMPRESSION zstd)"
            db.execute(copy, {"out": str(out)})
            store.place(out, keys.compacted_table(name))
        for key in own:  # killed on the way, both say the same
            store.remove(key)
        merged += len(own)
    return merged
