"""The kind salesforce keeps every law of the kit, against a stand-in written from the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kit.lawbook import Landscape, http_landscape
from connectors.kit.laws import ConnectorLaws
from connectors.salesforce.connector import Salesforce
from lab.standins.salesforce import KEY, SECRET
from lab.standins.salesforce import Salesforce as Standin

ACCOUNT, CASE = "001000000000001AAA", "500000000000002AAA"


class TestSalesforce(ConnectorLaws):
    connector = Salesforce
    acts = {  # noqa: RUF012 - ClassVar in the laws
        "create_ticket": {"title": "press-07 油温过高", "priority": "High", "account": ACCOUNT, "text": "91.5"},
        "update_ticket": {"id": CASE, "status": "Working"},
    }
    lookups = {"interactions": {"account": ACCOUNT, "limit": 3}}  # noqa: RUF012

    @contextmanager
    def landscape(self) -> Iterator[Landscape]:
        with Standin() as org:
            org.add("Account", Name="Acme 机械")
            org.add("Case", Subject="Noise", AccountId=ACCOUNT)
            settings = {"consumer_key": KEY, "consumer_secret": SECRET}
            with http_landscape(org.url, lambda url: {"url": url, **settings}, writes=lambda: org.written) as land:
                org.instance = land.settings["url"]
                yield land
