"""Plugins' options: text and dictionaries become typed dataclasses, or errors that say what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sssd_registry.errors import SSSDError
from sssd_registry.options import build_options, parse_value, split_options
from sssd_registry.plugin_api.registry import registry


@dataclass(frozen=True)
class Options:
    order: Literal[1, 2, 3] = 2
    spacing: Literal["trailing", "leading"] = "trailing"
    sizes: tuple[int, ...] = (8,)
    karras: bool = False
    eta: float = 0.0
    limit: int | None = None
    label: str = "x"


def build(text: str) -> Options:
    name, values = split_options(f"toy:{text}")
    assert name == "toy"
    made = build_options("scheduler", name, Options, values)
    assert isinstance(made, Options)
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Options()),
        ("order=3", Options(order=3)),
        ("spacing=leading", Options(spacing="leading")),
        ("karras=true", Options(karras=True)),
        ("karras=True", Options(karras=True)),
        ("karras=no", Options(karras=False)),
        ("eta=1", Options(eta=1.0)),
        ("eta=5e-1", Options(eta=0.5)),
        ("limit=7", Options(limit=7)),
        ("sizes=[64, 32]", Options(sizes=(64, 32))),
        ("sizes=[]", Options(sizes=())),
        ('label="3"', Options(label="3")),
        ("label=a=b", Options(label="a=b")),
        (" sizes = [1,2] , order = 1,, karras = true ,", Options(sizes=(1, 2), order=1, karras=True)),
    ],
)
def test_text_becomes_typed_options(text: str, expected: Options) -> None:
    assert build(text) == expected


def test_a_name_alone_has_no_options() -> None:
    assert split_options("dpmsolver++") == ("dpmsolver++", {})
    assert split_options(" ddim : ") == ("ddim", {})


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.one_of(
            st.integers(-(2**62), 2**62),
            st.booleans(),
            st.lists(st.integers(0, 999), max_size=4),
            st.from_regex(r"[a-z+]{1,8}", fullmatch=True).filter(lambda text: parse_value(text) == text),
        ),
        max_size=4,
    )
)
def test_what_is_written_is_read(values: dict[str, Any]) -> None:
    written = ",".join(f"{key}={str(value).lower()}" for key, value in values.items())
    assert split_options(f"name:{written}") == ("name", values)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("order", "'order' has no '='"),
        ("order=1,order=2", "option 'order' is given twice"),
        ("ordr=3", "scheduler 'toy' has no option 'ordr': did you mean 'order'?"),
        ("zzz=3", "has no option 'zzz': known: eta, karras, label, limit, order, sizes, spacing"),
        ("order=4", "option order: Input should be 1, 2 or 3, got 4"),
        ("order=two", "option order: Input should be 1, 2 or 3, got 'two'"),
        ("spacing=linspace", "option spacing: Input should be 'trailing' or 'leading', got 'linspace'"),
        ("karras=perhaps", "option karras: .*boolean.*got 'perhaps'"),
        ("limit=1.5", r"option limit: .*integer.*got 1\.5"),
        ("sizes=[1,a]", r"option sizes: .*tuple.*got '\[1,a\]'"),
        ("sizes=[1,2.5]", r"option sizes\.1: .*integer.*got 2\.5"),
        ("eta=", "option eta: .*number.*got ''"),
    ],
)
def test_errors_name_plugin_option_and_value(text: str, reason: str) -> None:
    with pytest.raises(SSSDError, match=reason) as raised:
        build(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", ":order=3", "  "])
def test_a_name_is_needed(text: str) -> None:
    with pytest.raises(SSSDError, match="names nothing: expected NAME"):
        split_options(text)


def test_dictionaries_are_taken_as_configurations_hold_them() -> None:
    assert build_options("head", "toy", Options, {"sizes": [1, 2], "order": 3}) == Options(sizes=(1, 2), order=3)
    with pytest.raises(SSSDError, match="head 'toy', option sizes"):
        build_options("head", "toy", Options, {"sizes": "wide"})


def test_every_registered_plugin_has_defaults_for_all_its_options() -> None:
    found = registry()
    specs = [*map(found.schedulers.__getitem__, found.schedulers), *map(found.heads.__getitem__, found.heads)]
    assert len(specs) >= 4
    for spec in specs:
        assert build_options("plugin", spec.name, spec.options, {}) == spec.options()
