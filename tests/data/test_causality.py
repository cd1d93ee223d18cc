"""Nothing that happens after the origin changes what the model sees at the origin."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from synthetic_frames import make_spec, ohlcv

from sssd_registry.data import source as source_module
from sssd_registry.data.origins import Origins, all_origins, origin_times
from sssd_registry.data.panel import read_panel
from sssd_registry.data.resample import Bars, resample
from sssd_registry.data.windows import window_source, windows_at

NAMES = ("a", "b", "c")
# (length of a row, timeframes): rows that are the bar, rows finer than the bar, days in weeks.
LAYOUTS = {
    "rows are bars": (300, {("5min", 300): 6, ("15min", 900): 3, ("1h", 3600): 2}),
    "rows are finer": (60, {("5min", 300): 4, ("15min", 900): 3, ("1h", 3600): 1}),
    "days": (86400, {("1d", 86400): 5, ("1w", 604800): 2}),
}
CHANGES = ("values", "removed", "cut", "moved", "appended")


def panel_frame(random, spec, kept, irregular):
    """Interleaved series with gaps; optionally with rows off the grid that overlap one another."""
    parts = []
    for name in NAMES[: random.integers(1, 4)]:
        count = int(random.integers(150, 260))
        times = 1_700_000_000 // 86400 * 86400 + np.arange(count) * spec.source_seconds
        times = times[(random.random(count) < kept) | (np.arange(count) < 5)]
        if irregular:
            times = np.unique(times + random.integers(0, 2 * spec.source_seconds, len(times)))
        parts.append(ohlcv(pd.to_datetime(times, unit="s", utc=True), int(random.integers(1 << 30))).assign(id=name))
    return pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)


def change_after(frame, cutoff, change, random, spec):
    """``frame`` with everything different about rows that end after ``cutoff``."""
    late_stamp = 0 if spec.timestamps == "end" else spec.source_seconds
    late = (frame["time"] + pd.Timedelta(late_stamp, unit="s") > cutoff).to_numpy()
    before, after = frame[~late], frame[late].copy()
    numbers = list(spec.columns)
    if change == "values":
        after[numbers] *= random.uniform(0.1, 10, (len(after), len(numbers)))
    elif change == "removed":
        after = after[random.random(len(after)) < 0.5]
    elif change == "cut":
        after = after.head(0)
    elif change == "moved":  # rows keep their order, and stay after the cutoff
        moves = np.sort(random.integers(0, 7 * spec.source_seconds, len(after)))
        after["time"] += pd.to_timedelta(moves, unit="s")
        after = after.drop_duplicates(["id", "time"])
    else:
        more = frame.tail(40).copy()
        steps = random.integers(1, 9, len(more)).cumsum() * spec.source_seconds
        more["time"] = frame["time"].max() + pd.to_timedelta(steps, unit="s")
        after = pd.concat([after, more])
    return pd.concat([before, after], ignore_index=True)


def look(frame, spec):
    source = window_source(read_panel(frame, spec), spec)
    return source, [series.id for series in source.panel.series]


def seen_before_and_after(seed, layout, change, timestamps, kept, irregular):
    """The windows at one origin in a frame, and in one that differs after it only (None: no such bar)."""
    random = np.random.default_rng(seed)
    row_seconds, lookbacks = LAYOUTS[layout]
    spec = make_spec(lookbacks, id="id", source_seconds=row_seconds, timestamps=timestamps)
    frame = panel_frame(random, spec, kept, irregular)
    source, ids = look(frame, spec)
    origins = all_origins(source)
    origin = origins.take([random.integers(len(origins))])
    start = origin_times(source, origin)[0]
    cutoff = pd.Timestamp(start, tz="UTC") + pd.Timedelta(spec.bar_seconds, unit="s")

    changed = change_after(frame, cutoff, change, random, spec)
    other, other_ids = look(changed, spec)
    series = other_ids.index(ids[origin.series[0]])
    row = np.flatnonzero(other.panel.series[series].times == start.astype("datetime64[s]").astype(np.int64))
    if not len(row):
        # Only an origin bar that nothing shows to be over may vanish: no row ends at or after its end.
        shift = 0 if timestamps == "end" else row_seconds
        last = changed.loc[changed["id"] == other_ids[series], "time"].max() + pd.Timedelta(shift, unit="s")
        assert row_seconds < spec.bar_seconds
        assert last < cutoff
        return windows_at(source, origin), None
    return windows_at(source, origin), windows_at(other, Origins(np.array([series]), row))


def differ(one, two):
    return any(
        not np.array_equal(one.values[name], two.values[name]) or not np.array_equal(one.times[name], two.times[name])
        for name in one.values
    )


CASES = {
    "seed": st.integers(0, 2**32 - 1),
    "layout": st.sampled_from(sorted(LAYOUTS)),
    "change": st.sampled_from(CHANGES),
    "timestamps": st.sampled_from(["start", "end"]),
    "kept": st.sampled_from([1.0, 0.9, 0.7]),
    "irregular": st.booleans(),
}


@settings(deadline=None, max_examples=150)
@given(**CASES)
def test_what_comes_after_the_origin_changes_nothing(**case):
    before, after = seen_before_and_after(**case)
    event(f"origin stays: {after is not None}")
    assume(after is not None)
    assert not differ(before, after)
    np.testing.assert_array_equal(before.series, after.series)


@settings(deadline=None, max_examples=60)
@given(**{**CASES, "kept": st.just(0.9)})
def test_every_bar_in_a_window_is_over_at_the_origins_end(**case):
    row_seconds, lookbacks = LAYOUTS[case["layout"]]
    spec = make_spec(lookbacks, id="id", source_seconds=row_seconds, timestamps=case["timestamps"])
    frame = panel_frame(np.random.default_rng(case["seed"]), spec, case["kept"], case["irregular"])
    source, _ = look(frame, spec)
    origins = all_origins(source)
    windows = windows_at(source, origins)
    end = origin_times(source, origins).astype("datetime64[s]").astype(np.int64) + spec.bar_seconds
    for timeframe in spec.timeframes:
        times = windows.times[timeframe.name]
        assert times.shape == (len(origins), timeframe.lookback)
        assert (np.diff(times, axis=1) > 0).all()
        assert (times[:, -1] + timeframe.seconds <= end).all()
    assert (windows.times[spec.base.name][:, -1] + spec.bar_seconds == end).all()


def _known_when_it_starts(*args, **options):
    bars = resample(*args, **options)
    return Bars(bars.starts, bars.starts, bars.values)


def _binned_by_start(times, values, roles, seconds, row_seconds=1):
    return resample(times, values, roles, seconds)


@pytest.mark.parametrize("leak", [_known_when_it_starts, _binned_by_start])
def test_the_property_notices_a_leak(monkeypatch, leak):
    monkeypatch.setattr(source_module, "resample", leak)
    pairs = [seen_before_and_after(seed, "rows are bars", "values", "start", 0.9, irregular=True) for seed in range(60)]
    assert any(differ(before, after) for before, after in pairs)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_what_comes_before_the_origin_does_count(layout):
    row_seconds, lookbacks = LAYOUTS[layout]
    spec = make_spec(lookbacks, id="id", source_seconds=row_seconds)
    frame = panel_frame(np.random.default_rng(0), spec, 0.9, irregular=False)
    changed = frame.copy()
    changed[list(spec.columns)] *= 2
    (source, _), (other, _) = look(frame, spec), look(changed, spec)
    origins = all_origins(source)
    assert len(origins) > 50
    for name, values in windows_at(source, origins).values.items():
        np.testing.assert_allclose(windows_at(other, origins).values[name], 2 * values)
