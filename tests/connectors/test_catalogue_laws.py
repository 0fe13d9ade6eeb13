"""Every declared kind keeps every law, before a stand-in made of its exchanges."""

from __future__ import annotations

import pytest

from connectors.kit.declared.connector import Declared
from connectors.kit.laws_declared import laws_of
from connectors.registry import CATALOGUE, connector_class, declared_names

QUICK = ("zendesk", "wecom_app", "dingtalk_robot", "odoo_rpc", "jira")
"""One kind of each family of credentials and paging; all others are marked slow."""

for _name in declared_names():
    _class = connector_class(_name)
    assert issubclass(_class, Declared)
    _laws = laws_of(_class, CATALOGUE / _name)
    globals()[_laws.__name__] = _laws if _name in QUICK else pytest.mark.slow(_laws)
del _class, _laws
