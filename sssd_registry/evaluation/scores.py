"""Scores of forecasts: the same for a model, an engine and a baseline, from their samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sssd_registry.data.effective_windows import WindowPlaces, effective_windows, one_series

Array = npt.NDArray[np.float64]

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Scores:
    """Scores of one forecaster over B windows, K horizons and C targets, all pooled unless said otherwise.

    Attributes:
        crps: mean CRPS (:func:`crps`), data units.
        crps_se: its standard error over windows, data units. Windows whose forecasts overlap count as fewer,
            and the horizons as one observation.
        crps_by_horizon: horizon in bars -> mean CRPS.
        weighted_quantile_loss: GluonTS's ``mean_wQuantileLoss`` on the deciles .1 to .9: twice the pinball
            loss, summed, over the sum of |y|; unitless.
        mse: GluonTS's ``MSE``, of the samples' mean, data units squared.
        mae: GluonTS's ``abs_error``, of the samples' median, divided by the number of observations, data
            units.
        coverage_50: share of observations within the central 50 % interval.
        coverage_90: the same for 90 %.
        directional_accuracy: share of observations on the median's side of the origin. Those that equal the
            origin have no side and are left out.
        directional_half_width: half the width of its 95 % interval (normal approximation).
        n_effective: independent observations that this interval is for: at horizon h a series' windows are
            taken for one in h, series that move together and the targets of a window for one, and the horizons
            for one another's copies, so it is a lower bound.
    """

    crps: float
    crps_se: float
    crps_by_horizon: dict[float, float]
    weighted_quantile_loss: float
    mse: float
    mae: float
    coverage_50: float
    coverage_90: float
    directional_accuracy: float
    directional_half_width: float
    n_effective: float

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON: horizons as text, and ``None`` for what could not be computed."""
        values = asdict(self)
        values["crps_by_horizon"] = {f"{h:g}": value for h, value in self.crps_by_horizon.items()}
        return {name: json_values(value) for name, value in values.items()}

    def rows(self) -> dict[str, str]:
        """Label -> text, for a table."""
        table = {"CRPS": f"{self.crps:.4g} ± {self.crps_se:.1g}"}
        table |= {f"CRPS, horizon {h:g}": f"{value:.4g}" for h, value in self.crps_by_horizon.items()}
        return table | {
            "mean weighted quantile loss": f"{self.weighted_quantile_loss:.4g}",
            "MSE of the mean": f"{self.mse:.4g}",
            "MAE of the median": f"{self.mae:.4g}",
            "coverage of the 50 % interval": f"{self.coverage_50:.1%}",
            "coverage of the 90 % interval": f"{self.coverage_90:.1%}",
            "direction right": f"{self.directional_accuracy:.1%} ± {self.directional_half_width:.1%}",
            "independent observations, at least": f"{self.n_effective:.0f}",
        }


def score(
    samples: Array, y: Array, origin: Array, horizons: Sequence[float], *, places: WindowPlaces | None = None
) -> Scores:
    """Score one forecaster.

    Args:
        samples: ``(B, S, K, C)``, data units, S at least 2.
        y: what came to be, ``(B, K, C)``; NaN where it is missing, which is not scored.
        origin: last known value, ``(B, C)``; 0 where the forecast is of log-returns.
        horizons: K, in bars.
        places: where the windows lie; default: one series, a window for each bar.

    Raises:
        ValueError: shapes that do not belong together.
    """
    windows, _, count, targets = samples.shape
    if y.shape != (windows, count, targets) or origin.shape != (windows, targets) or len(horizons) != count:
        raise ValueError(f"samples {samples.shape}, y {y.shape}, origin {origin.shape}, {len(horizons)} horizons")
    places = one_series(windows) if places is None else places
    values = without_missing(crps(samples, y))  # (B, K, C)
    right, half_width, n_effective = _direction(samples, y, origin, horizons, places)
    return Scores(
        crps=float(values.mean()),
        crps_se=standard_error(values, horizons, places),
        crps_by_horizon={float(h): float(v) for h, v in zip(horizons, values.mean(axis=(0, 2)), strict=True)},
        weighted_quantile_loss=quantile_loss(samples, y),
        mse=float(np.nanmean((samples.mean(axis=1) - y) ** 2)),
        mae=float(np.nanmean(np.abs(_order_statistic(np.sort(samples, axis=1), 0.5) - y))),
        coverage_50=coverage(samples, y, 0.5),
        coverage_90=coverage(samples, y, 0.9),
        directional_accuracy=right,
        directional_half_width=half_width,
        n_effective=n_effective,
    )


def without_missing(values: Array) -> Array:
    """``values (B, ...)`` with the mean of the others of its place for each that is NaN, so that means pass it over."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    count = (~missing).sum(axis=0)
    mean = np.where(missing, 0.0, values).sum(axis=0) / np.maximum(count, 1)
    everywhere = values[~missing].mean() if count.any() else np.nan
    filled: Array = np.where(missing, np.where(count > 0, mean, everywhere), values)
    return filled


def crps(samples: Array, y: Array) -> Array:
    """Continuous ranked probability score, ``E|X - y| - E|X - X'| / 2``, estimated without bias.

    The kernel form is Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and
    estimation", JASA 102, eq. 21, with its sign turned round. Its second mean is taken over pairs of
    different samples, which makes it fair: the right distribution scores best whatever S is. (Ferro 2014, "Fair
    scores for ensemble forecasts", QJRMS 140; Zamo and Naveau 2018, Mathematical Geosciences 50.)
    Sorted, the sum over pairs is a sum over samples: ``Σ_ij |x_i - x_j| = 2 Σ_i (2i - S - 1) x_(i)``.

    Args:
        samples: ``(B, S, K, C)``, S at least 2.
        y: ``(B, K, C)``.

    Returns:
        float64 ``(B, K, C)``, in the units of y. A single value may be negative; the mean is not, but for
        chance.
    """
    size = samples.shape[1]
    if size < 2:
        raise ValueError(f"the CRPS is estimated from 2 samples or more, got {size}")
    # Relative to y, since the spread of a price is small beside the price.
    errors = np.sort(samples - y[:, None], axis=1)  # (B, S, K, C)
    weights = (2 * np.arange(1, size + 1) - size - 1) / (size * (size - 1))
    result: Array = np.abs(errors).mean(axis=1) - np.einsum("s,bskc->bkc", weights, errors)
    return result


def quantile_loss(samples: Array, y: Array) -> float:
    """Weighted quantile loss, the mean over the deciles: ``2 Σ max(q e, (q - 1) e) / Σ|y|``, ``e = y - quantile``.

    Args:
        samples: ``(B, S, K, C)``.
        y: ``(B, K, C)``.

    Returns:
        Unitless; NaN or infinite where every y is 0.
    """
    ordered = np.sort(samples, axis=1)
    total = 0.0
    for q in DECILES:
        error = y - _order_statistic(ordered, q)
        total += 2 * float(np.nansum(np.maximum(q * error, (q - 1) * error)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(total / len(DECILES)) / np.nansum(np.abs(y)))


def _order_statistic(ordered: Array, q: float) -> Array:
    """The sample ``(B, K, C)`` nearest to the quantile q of the sorted ``(B, S, K, C)``, as GluonTS picks it."""
    picked: Array = ordered[:, round((ordered.shape[1] - 1) * q)]
    return picked


def coverage(samples: Array, y: Array, level: float) -> float:
    """Share of ``y (B, K, C)`` within the central interval of ``samples (B, S, K, C)``."""
    # Weibull's is the one definition of a quantile at which a perfect forecast covers the level exactly, on
    # average, however few its samples: the linear one's 90 % interval of 100 samples covers 88 %.
    low, high = np.quantile(samples, [0.5 - level / 2, 0.5 + level / 2], axis=1, method="weibull")
    return float(((low <= y) & (y <= high))[~np.isnan(y)].mean()) if (~np.isnan(y)).any() else math.nan


def _direction(
    samples: Array, y: Array, origin: Array, horizons: Sequence[float], places: WindowPlaces
) -> tuple[float, float, float]:
    """Share, half-width and effective number."""
    move = np.sign(y - origin[:, None])  # (B, K, C)
    counted = (move != 0) & ~np.isnan(move)
    if not counted.any():
        return math.nan, math.nan, 0.0
    forecast = np.sign(np.median(samples, axis=1) - origin[:, None])
    share = float((forecast == move)[counted].mean())
    right = ((forecast == move) & counted).mean(axis=2)  # (B, K)
    windows = counted.any(axis=2).mean(axis=0) * effective_windows(right, horizons, places)  # (K,)
    weights = counted.sum(axis=(0, 2)) / counted.sum()  # (K,)
    # The error of a weighted mean is at most the weighted mean of the errors, whatever their correlation.
    root = float((weights / np.sqrt(np.maximum(windows, 1.0))).sum())  # 1 / √n
    return share, 1.96 * math.sqrt(share * (1 - share)) * root, root**-2


def standard_error(values: Array, horizons: Sequence[float], places: WindowPlaces) -> float:
    """Standard error over windows of the mean of ``values (B, K, C)``, windows that are alike counted as fewer.

    See :func:`~sssd_registry.data.effective_windows.effective_windows`.
    """
    if len(values) < 2:
        return math.nan
    by_window = values.mean(axis=2)  # (B, K)
    deviation = by_window.std(axis=0, ddof=1)  # (K,)
    return float((deviation / np.sqrt(effective_windows(by_window, horizons, places))).mean())


def json_values(value: Any) -> Any:
    """A number, or a dictionary of them, of any depth, with ``None`` for what could not be computed."""
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items()}
    return value if math.isfinite(value) else None
