"""One partition per campaign.

Not here: which campaigns are due (core/reconcile.py).
"""

import dagster as dg

campaigns = dg.DynamicPartitionsDefinition(name="campaign")
