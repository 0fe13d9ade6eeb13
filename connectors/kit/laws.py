"""
The laws every kind keeps, as one pytest class. A kind's test inherits it in about twelve lines:

    class TestRoundup(ConnectorLaws):
        connector = Roundup
        acts = {"create_ticket": {"title": "Spindle hot"}, …}         # one sample per declared act
        lookups = {"recent_tickets": {"machine": "M-17"}}             # one sample per declared lookup
        pushed = [(FOLDER / "issue.json").read_bytes()]               # bodies that systems of this kind push
        unknown_word = b'{"status": "on fire", …}'                    # a pushed body with an unknown word

        @contextmanager
        def landscape(self):
            with RoundupStandin() as standin:
                yield from http_landscape(standin.url, lambda url: {"url": url, "password": "s3cret-pw"}, …)

The landscape's foreign system must hold at least one record of each polled stream. Kinds that speak
their errors in another way than HTTP statuses override ``trouble``.
"""

from __future__ import annotations

from connectors.kit.laws_form import FormLaws
from connectors.kit.laws_records import RecordLaws
from connectors.kit.laws_trouble import TroubleLaws


class ConnectorLaws(FormLaws, TroubleLaws, RecordLaws):
    """Inherit, fill in the five names and the landscape, and every law is a test of your kind."""
