"""Settings of a user, as in ``sssd train --config FILE.toml``: three sections, every field with a default.

    [data]      what the columns are, which timeframes to look at, which horizons to forecast
    [model]     sizes, noise schedule, noise head
    [training]  optimiser, batches, validation

``None`` means "follow from the data"; :func:`sssd_registry.data.spec.resolve` fills it in.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sssd_registry.errors import SSSDError, near_matches, shortened
from sssd_registry.options import parse_value
from sssd_registry.sampling.limits import MAX_INFERENCE_STEPS, MAX_TIMESTEPS

# Of one tensor's side. What the network takes altogether is estimated before it is built.
_MAX_SIZE = 65_536
_MAX_LAYERS = 1_000
_MAX_STEPS = 10**9
_MAX_BATCH = 1_000_000
_MAX_BOUND = 1e300


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """A single name stands for a list of it."""
    return [value] if isinstance(value, str | int | float) and not isinstance(value, bool) else value


def _horizons(value: object) -> object:
    """``"1:24"`` and ``"1,4,24"`` stand for lists. Three numbers with colons may be a time of day to TOML."""
    if isinstance(value, str):  # a list that is no TOML is none here either
        return value if value.startswith("[") else [part.strip() for part in value.split(",") if part.strip()]
    entries = [value] if isinstance(value, time) else _listed(value)
    if not isinstance(entries, list | tuple):
        return entries
    return [f"{one.hour}:{one.minute}:{one.second}" if isinstance(one, time) else one for one in entries]


# Columns of wide files are called 1, 2, 3: on the command line these are numbers.
_Name = Annotated[str, Field(coerce_numbers_to_str=True)]
_Names = Annotated[tuple[_Name, ...], BeforeValidator(_listed)]


# Least and largest value; None where there is no end.
Bounds = tuple[float | None, float | None]


def _optional_bounds(value: object) -> object:
    """A pair, or a table of pairs by target."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {name: _ends(pair, f"of {name} ") for name, pair in value.items()}
    return _ends(value)


def _ends(pair: object, of: str = "") -> object:
    """No end at all is None: JSON has no infinity."""
    plain = isinstance(pair, list | tuple) and all(end is None or type(end) in (int, float) for end in pair)
    if not isinstance(pair, list | tuple) or not plain or len(pair) != 2:
        raise ValueError(f"bounds {of}are two numbers, such as [0, inf] or [0, 1]")
    low, high = -math.inf if pair[0] is None else pair[0], math.inf if pair[1] is None else pair[1]
    if not low < high:
        raise ValueError(f"the lower one of the bounds {of}comes first, and is below the other")
    ends = tuple(None if math.isinf(end) else float(end) for end in (low, high))
    if low == math.inf or high == -math.inf or any(end is not None and abs(end) > _MAX_BOUND for end in ends):
        raise ValueError(f"bounds {of}are numbers of at most 1e300, or inf for none")
    return ends


class DataConfig(_Section):
    """Settings to read the frame. Durations are strings: ``5min``, ``1h``, ``4h``, ``1D``; ``1mo``, ``1q``, ``1y``."""

    time: _Name | None = Field(None, description="time column")
    id: _Name | None = Field(None, description="column naming the series, for panels in long format")
    columns: _Names | None = Field(None, description="numeric columns to look at; default: all")
    targets: Literal["all"] | _Names | None = Field(
        None, description="columns to forecast, or all; default: the only one, or y, target, close or value"
    )
    known: _Names | None = Field(
        None,
        description="columns that are known ahead, numbers or labels; rows to be forecast have them, and no target",
    )
    static: _Names | None = Field(
        None, description="columns that are constant within each series of a panel, numbers or labels: of its growth"
    )
    holidays: str | None = Field(
        None, description="countries whose public holidays are known ahead, such as US or US,DE"
    )
    timezone: str | None = Field(None, description="zone of times that name none, such as Europe/Berlin; default: UTC")
    decimal: Literal[".", ","] | None = Field(
        None, description="decimal mark, where 2,034 may be either; default: what the file shows"
    )
    date_order: Literal["dmy", "mdy", "ymd"] | None = Field(
        None, description="of dates such as 01/02/2023; default: the one with even steps"
    )
    target_kind: Literal["level", "price", "log-return"] = Field(
        "level",
        description="forecast the value itself; a price, a value above 0 whose log-returns are modelled; or the"
        " log-return since the origin",
    )
    bounds: Annotated[Bounds | dict[_Name, Bounds] | None, BeforeValidator(_optional_bounds)] = Field(
        None,
        description="[least, largest] value of every target, such as [0, inf], or a table of such by target; or none",
    )
    integers: bool | _Names = Field(False, description="targets are whole numbers: all, or those named")
    gaps: Literal["natural", "missing"] | None = Field(
        None,
        description="rows that are not there: a market's nights and weekends, or missing values; default: what the"
        " rows' times show",
    )
    timestamps: Literal["start", "end"] = Field("start", description="which end of its bar a timestamp marks")
    bar: str | None = Field(None, description="length of one row; default: the most frequent difference")
    timeframes: dict[str, int] | None = Field(None, description="duration -> lookback in such bars")
    horizons: Annotated[tuple[str | int, ...] | None, BeforeValidator(_horizons)] = Field(
        None, description='bars or durations: [1, 4, 24], ["1h", "4h"], or a range of them such as "1:24"'
    )
    validation_fraction: float = Field(0.15, gt=0, lt=0.5)
    test_fraction: float = Field(0.15, ge=0, lt=0.9)


class ModelConfig(_Section):
    """Sizes. The defaults train in minutes on two cores; docs/how-to/train.md lists large ones."""

    feature_size: int = Field(48, ge=1, le=_MAX_SIZE, description="width of each S4 stack")
    state_size: int = Field(32, ge=2, le=_MAX_SIZE, multiple_of=2, description="state of each S4 channel")
    num_layers: int = Field(2, ge=1, le=_MAX_LAYERS, description="S4 layers in each timeframe's stack")
    context_size: int = Field(64, ge=1, le=_MAX_SIZE, description="size E of the encoder's output")
    components: int = Field(
        8,
        ge=1,
        le=_MAX_SIZE,
        description="leading components of a path over horizons that are diffused; the rest is Gaussian",
    )
    target_components: int = Field(8, ge=1, le=_MAX_SIZE, description="the same over targets, of as many as there are")
    token_size: int = Field(32, ge=1, le=_MAX_SIZE, description="size of the embedding of a head's tokens")
    past_tokens: int = Field(
        16, ge=1, le=_MAX_SIZE, description="tokens of each timeframe's past, for heads that attend to them"
    )
    dropout: float = Field(0.1, ge=0, lt=1)
    streamable: bool = Field(
        False,
        description="the encoder tells each bar in units of those before it, so that an engine can be fed bar by bar"
        " (`sssd-export build --stream`)",
    )
    location_scale: Literal["random-walk", "linear", "direct"] = Field(
        "direct",
        description="what diffusion starts from: the last value and the window's volatility, a linear fit, or that"
        " averaged with a small network's where it is surely better",
    )
    head: str = Field("mlp", description="name of a noise head, as listed by `sssd plugins`")
    head_options: dict[str, Any] = Field(default_factory=dict)
    beta_schedule: Literal["cosine", "linear", "scaled_linear", "flow"] = "cosine"
    num_train_timesteps: int = Field(1000, ge=2, le=MAX_TIMESTEPS)
    prediction_type: Literal["v_prediction", "epsilon", "sample", "flow_prediction"] = Field(
        "v_prediction",
        description="flow_prediction goes with beta_schedule flow, and no other does; epsilon with linear ones",
    )


class TrainingConfig(_Section):
    """A step sees ``batch_size * gradient_accumulation_steps`` windows, each with ``noise_draws`` draws."""

    max_steps: int = Field(3000, ge=1, le=_MAX_STEPS, description="optimiser steps")
    batch_size: int = Field(64, ge=1, le=_MAX_BATCH, description="windows in one forward pass")
    gradient_accumulation_steps: int = Field(1, ge=1, le=_MAX_STEPS)
    noise_draws: int = Field(16, ge=1, le=_MAX_BATCH, description="noise draws S for each encoded window")
    mirror: bool = Field(False, description="turn half of the windows upside down, where rises and falls are alike")
    learning_rate: float = Field(2e-3, gt=0, allow_inf_nan=False)
    lr_schedule: Literal["cosine", "constant_with_warmup"] = Field("cosine", description="as diffusers names them")
    warmup_steps: int = Field(100, ge=0, le=_MAX_STEPS)
    weight_decay: float = Field(1e-2, ge=0, allow_inf_nan=False)
    max_grad_norm: float = Field(1.0, gt=0, allow_inf_nan=False)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    mixed_precision: Literal["auto", "no", "fp16", "bf16"] = Field(
        "auto", description="auto: bf16 on a GPU that has it, else none"
    )
    validate_every: int = Field(250, ge=1, le=_MAX_STEPS, description="optimiser steps between validations")
    validation_windows: int = Field(256, ge=1, le=_MAX_STEPS, description="windows, evenly spaced, in each validation")
    scheduler: str = Field("dpmsolver++", description="of validations, and the saved model's default")
    validation_steps: int = Field(
        10, ge=1, le=MAX_INFERENCE_STEPS, description="inference steps of a validation forecast"
    )
    calibrate: bool = Field(True, description="widen or narrow intervals as the validation part surely says")
    trackers: _Names = Field(
        (), description="experiment trackers to follow the run, such as tensorboard, or NAME:option=value"
    )
    patience: int = Field(5, ge=1, le=_MAX_STEPS, description="validations without a better CRPS before stopping")
    seed: int = Field(0, ge=0, lt=2**63)


class Config(_Section):
    """The whole configuration; saved with the model."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


def load_config(file: Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read ``file`` (TOML) and apply ``section.key=value`` overrides, the later ones winning.

    A value is read as TOML where it is TOML (``3``, ``0.5``, ``[1, 4]``, ``true``) and as a string otherwise.

    Raises:
        SSSDError: unreadable file, or a key or value that the configuration does not have.
    """
    tree: dict[str, Any] = {}
    if file is not None:
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SSSDError(f"no such configuration file: {file}") from None
        except OSError as error:
            raise SSSDError(f"{file} cannot be read: {error.strerror}") from None
        except ValueError as error:  # also of a byte that is no UTF-8, or a number of thousands of digits
            raise SSSDError(f"{file} is not TOML: {error}") from None
    for override in overrides:
        _apply(tree, override)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise SSSDError(_reason(error)) from None


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    *above, last = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        return f"configuration {'.'.join([*above, last])}: {first['msg']}, got {shortened(repr(first['input']))}"
    section = Config.model_fields[above[0]].annotation if above else Config
    known = section.model_fields  # type: ignore[union-attr]  # every field of Config is a section
    place = f"section [{above[0]}]" if above else "the configuration"
    return f"{place} has no {last!r}: {near_matches(last, known)}"


def _apply(tree: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or len(keys) < 2:
        raise SSSDError(f"--set takes section.key=value, such as model.head=mlp; got {override!r}")
    value = parse_value(text)
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise SSSDError(f"--set {override}: {key!r} is not a section")
    tree[keys[-1]] = value
