"""Selection of the weights, of those that training passed through, that become the model."""

from __future__ import annotations

from sssd_registry.data.origins import window_places
from sssd_registry.evaluation.gain import Gain, gain
from sssd_registry.sampling.tableau import SolverTableau
from sssd_registry.training.state import Run
from sssd_registry.training.validation import ValidationScores, joined_scores, validation_scores


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

    The best are taken where they are surely better in CRPS or in energy score, and in neither surely worse, on more
    windows than a validation has.
    """
    run.network.eval()
    progress = run.progress
    run.network.load_state_dict(run.best)
    run.chosen = _scores(run, tableau, in_use=progress.best_step > 0)
    if progress.best_step == 0 or run.distils:
        return  # the best is the start, or there is nothing that it has to be better than
    improved = _decisive_scores(run, tableau, in_use=True)
    run.network.load_state_dict(run.start)
    run.gains = gains(improved, _decisive_scores(run, tableau, in_use=False), run)
    if keeps(run.gains):
        run.network.load_state_dict(run.best)
        run.network.in_use = True
    else:
        start = _scores(run, tableau, in_use=False)
        run.chosen, progress.best_score, progress.best_step = start, start.mean, 0


def gains(best: ValidationScores, start: ValidationScores, run: Run) -> dict[str, Gain]:
    """Gain of the best weights over the start, by score, on the windows by which it is decided."""
    places, longest = window_places(run.data.source, run.decision_origins), max(run.data.spec.horizons)
    return {
        "CRPS": gain(best.crps, start.crps, places, longest),
        "energy score": gain(best.energy, start.energy, places, longest),
    }


def keeps(found: dict[str, Gain]) -> bool:
    """Tell whether gains are enough to keep a network."""
    return any(one.surely_better for one in found.values()) and not any(one.surely_worse for one in found.values())


def _decisive_scores(run: Run, tableau: SolverTableau, in_use: bool) -> ValidationScores:
    """Score the windows by which it is decided, as many at a time as a validation has: paths take memory."""
    run.network.in_use = in_use
    parts, count = [], run.config.validation_windows
    for first in range(0, len(run.decision_origins), count):
        some = slice(first, first + count)
        origins, sizes = run.decision_origins.take(some), run.decision_sizes[some]
        parts.append(validation_scores(run.network, tableau, run.data, origins, sizes, run.processes, first))
    return joined_scores(parts)


def _scores(run: Run, tableau: SolverTableau, in_use: bool) -> ValidationScores:
    """Score the network, in use or left out; one that is distilled is in use always."""
    run.network.in_use = in_use or run.distils
    return validation_scores(
        run.network, tableau, run.data, run.validation_origins, run.validation_sizes, run.processes
    )
