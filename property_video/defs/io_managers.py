"""How records travel between assets: as JSON in the store, one per asset and campaign.

Media never travel: records name them by key, and whoever needs one asks the store for its path.

Not here: the store itself.
"""

import dagster as dg

from property_video.core.outputs import Clip, Film, Track
from property_video.core.records import Record
from property_video.defs.failures import told_to_dagster
from property_video.store import keys
from property_video.store.base import Store
from property_video.store.changes import note_change


class RecordIOManager(dg.IOManager):
    """Writes the record an asset returns; reads it as the type that the next asset's parameter names."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def handle_output(self, context: dg.OutputContext, obj: Record) -> None:
        """Commit a step's record: its last act, after everything it names is in the store."""
        if not isinstance(obj, Record):
            raise TypeError(f"{context.asset_key.to_user_string()} returned {type(obj).__name__}, not a record")
        asset, campaign = context.asset_key.path[-1], context.partition_key
        with told_to_dagster():
            self.store.write(keys.record(asset, campaign), obj)
            if isinstance(obj, Clip | Track):
                self._let_film_follow(campaign, asset, obj)

    def _let_film_follow(self, campaign: str, asset: str, piece: Clip | Track) -> None:
        """Say that the film there is does not show this piece. A run that makes the film as well ends that."""
        film = self.store.read(keys.record("final_video", campaign), Film)
        if film is not None and not film.shows(piece):
            note_change(self.store, campaign, asset)

    def load_input(self, context: dg.InputContext) -> Record:
        """Read the record of an upstream asset.

        Raises:
            dagster.Failure: it was never made, or by an older version of the product.
        """
        kind = context.dagster_type.typing_type
        asset, campaign = context.asset_key.path[-1], context.partition_key
        with told_to_dagster():
            found = self.store.read(keys.record(asset, campaign), kind)
        if found is None:
            raise dg.Failure(
                f"{asset} has no record for {campaign} that can be read. Materialize {asset} first.",
                allow_retries=False,
            )
        assert isinstance(found, Record)
        return found


@dg.io_manager(required_resource_keys={"store", "hold"}, description="Records as JSON in the store.")
def records_io_manager(context: dg.InitResourceContext) -> RecordIOManager:
    """The IO manager of every asset that has a partition; whoever can write a campaign's records holds the campaign."""
    return RecordIOManager(context.resources.store)
