"""Selection of the weights, of those that training passed through, that become the model."""

from __future__ import annotations

from sssd_registry.data.windows import Origins
from sssd_registry.evaluation.scores import Array
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.state import Run
from sssd_registry.training.validation import significantly_better, validation_crps


def validate(run: Run, tableau: SolverTableau) -> None:
    """Score the averaged weights, and keep them if they are the best so far."""
    run.network.eval()
    run.ema.store(run.network.parameters())
    run.ema.copy_to(run.network.parameters())
    # In standard units; still windows count little.
    score = float((_standard(run, tableau) * run.window_weights[:, None]).mean())
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
    return run.validation_origins


def choose_weights(run: Run, tableau: SolverTableau) -> None:
    """Take the best weights, or those training began with where the best are better by chance alone."""
    run.network.eval()
    run.network.load_state_dict(run.best)
    best = run.chosen = _standard(run, tableau)
    if run.progress.best_step == 0:
        return  # the best is the start
    run.network.load_state_dict(run.start)
    baseline = _standard(run, tableau)
    weights = run.window_weights[:, None]
    if significantly_better(best * weights, baseline * weights, run.data, validation_origins(run)):
        run.network.load_state_dict(run.best)
    else:
        run.chosen, baseline = baseline, baseline * weights
        run.progress.best_crps, run.progress.best_step = float(baseline.mean()), 0


def _standard(run: Run, tableau: SolverTableau) -> Array:
    """CRPS of each window, horizon and target ``(B, K, C)``, in standard units."""
    return validation_crps(run.network, tableau, run.data, validation_origins(run))
