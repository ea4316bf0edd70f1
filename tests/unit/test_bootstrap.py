"""Adapters are found by entry point, and a broken one is named with its package."""

from importlib.metadata import EntryPoint

import pytest

from adapters.contract import ENTRY_POINT_GROUP
from hub.bootstrap import load_adapters
from hub.errors import SettingsInvalid


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINT_GROUP)


def test_the_installed_adapters_are_loaded() -> None:
    adapters = load_adapters()
    assert {"shop.orders", "payments.pix", "payments.pagarme"} <= adapters.keys()
    assert all(key == adapter.name for key, adapter in adapters.items())


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ([point("payments.x", "no_such_module:ADAPTER")], "payments.x .*cannot be loaded: ModuleNotFoundError"),
        ([point("payments.x", "adapters.shop:NOTHING")], "payments.x .*cannot be loaded: AttributeError"),
        ([point("payments.x", "adapters.shop:PROVIDER")], "is a str, not an adapters.contract.Adapter"),
        ([point("payments.x", "adapters.shop:ADAPTER")], "calls itself shop.orders"),
        ([point("shop.orders", "adapters.shop:ADAPTER")] * 2, "two adapters read the key shop.orders"),
    ],
)
def test_a_broken_adapter_stops_the_start_and_is_named(points: list[EntryPoint], problem: str) -> None:
    with pytest.raises(SettingsInvalid, match=problem):
        load_adapters(points)
