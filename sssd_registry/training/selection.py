"""Which of the weights that training passed through become the model."""

from __future__ import annotations

from sssd_registry.data.windows import Origins
from sssd_registry.evaluation.scores import Array
from sssd_registry.model.batches import evenly
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.state import Run
from sssd_registry.training.validation import surely_better, validation_crps, window_weights


def validate(run: Run, tableau: SolverTableau) -> None:
    """Score the averaged weights, and keep them if they are the best so far."""
    run.network.eval()
    run.ema.store(run.network.parameters())
    run.ema.copy_to(run.network.parameters())
    score = float(_scores(run, tableau).mean())
    progress = run.progress
    progress.history.append((progress.step, score))
    if score < progress.best_crps:
        progress.best_crps, progress.best_step, progress.stale = score, progress.step, 0
        run.best = {name: tensor.detach().clone() for name, tensor in run.network.state_dict().items()}
        run.start = run.start or run.best
    else:
        progress.stale += 1
    run.ema.restore(run.network.parameters())


def validation_origins(run: Run) -> Origins:
    """The windows of every validation of a run."""
    return evenly(run.data.split.validation, run.config.validation_windows)


def choose_weights(run: Run, tableau: SolverTableau) -> None:
    """Take the best weights, or those training began with where the best are better by chance alone."""
    run.network.eval()
    run.network.load_state_dict(run.best)
    if run.progress.best_step == 0:
        return  # the best is the start
    best = _scores(run, tableau)
    run.network.load_state_dict(run.start)
    start = _scores(run, tableau)
    if surely_better(best, start, run.data, validation_origins(run)):
        run.network.load_state_dict(run.best)
    else:
        run.progress.best_crps, run.progress.best_step = float(start.mean()), 0


def _scores(run: Run, tableau: SolverTableau) -> Array:
    """CRPS of each window, horizon and target ``(B, K, C)``, in standard units; still windows count little."""
    origins = validation_origins(run)
    scores = validation_crps(run.network, tableau, run.data, origins)
    return scores * window_weights(run.network, run.data, origins)[:, None]
