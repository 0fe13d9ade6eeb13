"""Failed laws show their values: pytest rewrites the asserts of the shipped laws as it does those of tests."""

import pytest

pytest.register_assert_rewrite(
    "connectors.kit.lawground", "connectors.kit.laws_form", "connectors.kit.laws_records", "connectors.kit.laws_trouble"
)
