"""The budget: what may be spent, what is held, what was spent; for a campaign, and for its client month by month.

An account is an append-only row of numbered entries. Whoever wants money reads all of them and writes the next number,
if it is still free (compare-and-swap): so two processes can never both take the last dollar. An entry says what one
intent holds or has cost; a later one of the same intent replaces it. Limits are not part of an account: they are what
the brief and the settings say at the time.

Not here: when money is asked for and given back (core/ladder.py, orders/pump.py).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from property_video.core.campaign import checked_slug, slug_for
from property_video.core.errors import StoreError
from property_video.core.money import Micros, spelled
from property_video.core.records import Record
from property_video.orders.journal import RecordStore
from property_video.store import keys


class Holding(Record):
    """What an intent holds of an account, or what it has cost."""

    kind: Literal["reserved", "settled"]
    intent: str
    amount: Micros


@dataclass
class Account:
    """An account as its entries tell it: the last holding of every intent."""

    entries: int = 0
    holdings: dict[str, Holding] = field(default_factory=dict)

    @property
    def committed(self) -> int:
        """What is held and spent, in micro-dollars."""
        return sum(each.amount for each in self.holdings.values())

    @property
    def spent(self) -> int:
        """What is spent, in micro-dollars."""
        return sum(each.amount for each in self.holdings.values() if each.kind == "settled")


class Budget:
    """The accounts of one campaign: its own, and those of its client, one for each calendar month (UTC).

    Args:
        store: where they are.
        campaign: whose.
        client: who the campaign is for; "" for nobody, who has no account.
        campaign_limit: micro-dollars that the campaign may cost.
        month_limit: micro-dollars that all campaigns of the client may cost in a month; None for any amount.
    """

    def __init__(
        self,
        store: RecordStore,
        campaign: str,
        client: str = "",
        *,
        campaign_limit: int,
        month_limit: int | None = None,
    ) -> None:
        self._store = store
        self._campaign = f"campaigns/{checked_slug(campaign)}"
        self._client = f"clients/{_client_key(client)}" if client else ""
        self._campaign_limit, self._month_limit = campaign_limit, month_limit
        self._accounts: dict[str, Account] = {}

    def accounts(self, at: datetime) -> tuple[str, ...]:
        """The accounts that pay for what is begun at a time."""
        return (self._campaign, *((f"{self._client}/{at:%Y-%m}",) if self._client else ()))

    def reserve(self, intent: str, amount: int, accounts: Sequence[str]) -> str:
        """Hold an amount in every account; doing it again for the same intent changes nothing.

        Returns:
            "" when it is held, else why not. What one account holds already is given back by `settle`.
        """
        for name in accounts:
            refused = self._reserve(name, Holding(kind="reserved", intent=intent, amount=amount))
            if refused:
                return refused
        return ""

    def settle(self, intent: str, amount: int, accounts: Sequence[str]) -> None:
        """Replace what an intent holds by what it has cost; doing it again changes nothing."""
        wanted = Holding(kind="settled", intent=intent, amount=amount)
        for name in accounts:
            account = self.account(name)
            while intent in account.holdings and account.holdings[intent] != wanted:
                self._write(name, wanted)
                account = self.account(name)

    def account(self, name: str) -> Account:
        """An account as it is now."""
        account = self._accounts.setdefault(name, Account())
        for key in self._store.keys(keys.budget(name)):
            number = keys.entry_number(key)
            if number > account.entries:
                entry = self._store.read(key, Holding)
                if entry is None or number != account.entries + 1:
                    raise StoreError(f"{key} is no entry of an account, or one before it is missing.", "Restore it.")
                account.holdings[entry.intent] = entry
                account.entries = number
        return account

    def _reserve(self, name: str, wanted: Holding) -> str:
        while True:
            account = self.account(name)
            if wanted.intent in account.holdings:
                return ""
            limit = self._limit(name)
            if limit is not None and account.committed + wanted.amount > limit:
                return (
                    f"It costs {spelled(wanted.amount)}, and {spelled(account.committed)} of the budget of "
                    f"{spelled(limit)} ({name}) are spent or held."
                )
            if self._write(name, wanted):
                return ""

    def _write(self, name: str, entry: Holding) -> bool:
        """Write the next entry of an account as it was last read; False when another process took the number."""
        return self._store.create(keys.budget_entry(name, self._accounts[name].entries + 1), entry)

    def _limit(self, name: str) -> int | None:
        return self._campaign_limit if name == self._campaign else self._month_limit


def _client_key(client: str) -> str:
    """A client's name as a folder: readable, and different for different names."""
    return f"{slug_for(client)}-{hashlib.sha256(client.encode()).hexdigest()[:8]}"
