"""Recorded tables: one Parquet file per campaign and table, so that many runs write at once and nobody holds a lock.

DuckDB writes and reads them; it is not the store.

Not here: questions (portfolio.py).
"""

from collections.abc import Mapping, Sequence
from typing import Final

from property_video.core.outputs import Film
from property_video.store import keys
from property_video.store.base import Store

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
