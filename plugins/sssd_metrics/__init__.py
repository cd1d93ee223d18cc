"""First-party scores beside those of `sssd evaluate`: `sssd evaluate MODEL DATA --metric NAME`."""

from __future__ import annotations

from dataclasses import dataclass

from sssd_registry.plugin_api.hookspecs import Metric, MetricSpec, NoOptions, hookimpl

SSSD_HOOK_API = 1


@dataclass(frozen=True)
class ThresholdOptions:
    """``above``: the threshold, in the units that are scored; ``below=true`` scores what lies under it instead."""

    above: float = 0.0
    below: bool = False


def make_weighted_interval(_: NoOptions) -> Metric:
    from sssd_metrics.weighted_interval import weighted_interval_score

    return weighted_interval_score


def make_threshold_crps(options: ThresholdOptions) -> Metric:
    from sssd_metrics.threshold_crps import ThresholdCRPS

    return ThresholdCRPS(options.above, options.below)


def make_dawid_sebastiani(_: NoOptions) -> Metric:
    from sssd_metrics.dawid_sebastiani import dawid_sebastiani_score

    return dawid_sebastiani_score


@hookimpl
def register_metrics() -> list[MetricSpec]:
    return [
        MetricSpec("wis", "weighted interval score, of eleven intervals and the median", make_weighted_interval),
        MetricSpec("twcrps", "CRPS of what lies beyond a threshold", make_threshold_crps, ThresholdOptions),
        MetricSpec("dss", "Dawid–Sebastiani score: of mean and deviation alone", make_dawid_sebastiani),
    ]
