"""Selection of the weights, of those that training passed through, that become the model."""

from __future__ import annotations

from sssd_registry.data.origins import window_places
from sssd_registry.evaluation.gain import Gain, gain
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.state import Run
from sssd_registry.training.validation import ValidationScores, validation_scores


def validate(run: Run, tableau: SolverTableau) -> None:
    """Score the averaged weights, and keep them if they are the best so far.

    Before the first step it is what training begins with that is scored: the Gaussian in closed form, or what a head
    that is distilled gives untrained.
    """
    run.network.eval()
    run.ema.store(run.network.parameters())
    run.ema.copy_to(run.network.parameters())
    progress = run.progress
    score = _scores(run, tableau, in_use=progress.step > 0).mean
    progress.history.append((progress.step, score))
    if score < progress.best_score:
        progress.best_score, progress.best_step, progress.stale = score, progress.step, 0
        run.best = {name: tensor.detach().clone() for name, tensor in run.network.state_dict().items()}
        run.start = run.start or run.best
    else:
        progress.stale += 1
    run.ema.restore(run.network.parameters())


def choose_weights(run: Run, tableau: SolverTableau) -> None:
    """Take the best weights, or what training began with where the best are better by chance alone.

    The best are taken where they are surely better in CRPS or in energy score, and in neither surely worse.
    """
    run.network.eval()
    progress = run.progress
    run.network.load_state_dict(run.best)
    run.chosen = best = _scores(run, tableau, in_use=progress.best_step > 0)
    if progress.best_step == 0 or run.distils:
        return  # the best is the start, or there is nothing that it has to be better than
    run.network.load_state_dict(run.start)
    start = _scores(run, tableau, in_use=False)
    run.gains = gains(best, start, run)
    if keeps(run.gains):
        run.network.load_state_dict(run.best)
        run.network.in_use = True
    else:
        run.chosen, progress.best_score, progress.best_step = start, start.mean, 0


def gains(best: ValidationScores, start: ValidationScores, run: Run) -> dict[str, Gain]:
    """Gain of the best weights over the start, by score."""
    places, longest = window_places(run.data.source, run.validation_origins), max(run.data.spec.horizons)
    return {
        "CRPS": gain(best.crps, start.crps, places, longest),
        "energy score": gain(best.energy, start.energy, places, longest),
    }


def keeps(found: dict[str, Gain]) -> bool:
    """Tell whether gains are enough to keep a network."""
    return any(one.surely_better for one in found.values()) and not any(one.surely_worse for one in found.values())


def _scores(run: Run, tableau: SolverTableau, in_use: bool) -> ValidationScores:
    """Score the network, in use or left out; one that is distilled is in use always."""
    run.network.in_use = in_use or run.distils
    return validation_scores(
        run.network, tableau, run.data, run.validation_origins, run.validation_sizes, run.processes
    )
