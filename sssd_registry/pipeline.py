"""A trained forecaster as a diffusers pipeline.

diffusers' pipelines take far longer to import than all else here. So they are imported when a pipeline is made, or
when something of theirs is asked for, and not with this module.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sssd_registry.model.network import SSSDNetwork
from sssd_registry.model_pipeline import ModelPipeline
from sssd_registry.storage.model_folder import TrainingRecord
from sssd_registry.storage.sampling_defaults import SamplingDefaults

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from sssd_registry.data.windows import Windows
else:

    class DiffusionPipeline:
        """Stands where diffusers' class will be among the bases of :class:`SSSDPipeline`."""


class _JoinsDiffusers(type):
    """Makes :class:`SSSDPipeline` a diffusers pipeline when an attribute of diffusers' class is asked of it."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") or not _join_diffusers():
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return getattr(cls, name)


class SSSDPipeline(ModelPipeline, DiffusionPipeline, metaclass=_JoinsDiffusers):  # type: ignore[misc]  # no types there
    """Encoder, noise head, correlation and scheduler of a trained model, as a diffusers pipeline.

        pipe = SSSDPipeline.from_pretrained("runs/eurusd")
        forecast = pipe(frame, horizons=[1, 4, 24], generator=0)
        forecast.quantile(0.9)

    Every instance is a ``diffusers.DiffusionPipeline``; the class is a subclass of it from the first instance on, or
    from the start where diffusers' pipelines were imported before.

    Args:
        model: the trained network.
        scheduler: any object with the diffusers interface that samples ``model.schedule``. Assign another one
            (``pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)``) at any time.
        record: what training left to know; needed to save.
        examples: a few windows kept with the model, for parity checks.
        sampling_defaults: default number of steps, and solvers tuned for the model.
    """

    def __new__(cls, *_args: Any, **_named: Any) -> Self:
        _join_diffusers()  # here, since copies and unpickled pipelines are made without __init__
        made: Self = super().__new__(cls)
        return made

    def __init__(
        self,
        model: SSSDNetwork,
        scheduler: Any,
        record: TrainingRecord | None = None,
        examples: Windows | None = None,
        sampling_defaults: SamplingDefaults | None = None,
    ) -> None:
        super().__init__(model, scheduler, record, examples, sampling_defaults)
        self.register_modules(model=model, scheduler=scheduler)

    def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
        """diffusers' bar, but none for a single batch."""
        if total is None and len(iterable) < 2:
            return iterable
        return DiffusionPipeline.progress_bar(self, iterable, total)

    def save_pretrained(
        self, save_directory: str | Path, *, push_to_hub: bool = False, repo_id: str | None = None, **hub: Any
    ) -> None:
        """Write the model folder: safetensors and JSON, complete or not at all.

        The scheduler of ``sampling_defaults`` goes with it, unless another one was assigned since.

        Args:
            save_directory: the folder.
            push_to_hub: also send it to the Hub, as ``push_to_hub(repo_id, …)`` does.
            repo_id: there; default: the folder's name.
            hub: ``token``, ``private``, ``commit_message`` and ``create_pr`` of ``push_to_hub``.

        Raises:
            SSSDError: the folder cannot be written, or holds something else.
        """
        super().save_pretrained(save_directory)
        if push_to_hub:
            known = {key: hub[key] for key in ("token", "private", "commit_message", "create_pr") if key in hub}
            self.push_to_hub(repo_id or Path(save_directory).name, **known)


def _join_diffusers() -> bool:
    """Put diffusers' class among the bases of :class:`SSSDPipeline`; whether it was not there yet."""
    if not TYPE_CHECKING:
        global DiffusionPipeline
        import diffusers

        if DiffusionPipeline is diffusers.DiffusionPipeline:
            return False
        DiffusionPipeline = diffusers.DiffusionPipeline
        SSSDPipeline.__bases__ = (ModelPipeline, DiffusionPipeline)
    return True


if "diffusers.pipelines.pipeline_utils" in sys.modules:
    _join_diffusers()
