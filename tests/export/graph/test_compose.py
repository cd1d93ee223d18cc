"""The unrolled graph: weights once, condition work once, time as constants, steps that cost what they must."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from compiled import Compiled, arrays, condition_size, counts, normal, session_of

from sssd_export.graph.compose import build_loop
from sssd_registry.plugin_api.make_scheduler import make_scheduler
from sssd_registry.sampling.scheduler_loop import run_scheduler

SCHEDULERS = ["ddim", "ddpm", "dpmsolver++", "dpmsolver++:solver_order=3"]


def loop(case: Compiled, scheduler: str, steps: int) -> ir.Model:
    return build_loop(case.head.model, case.head.broadcast_time, case.tableau(scheduler, steps))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_weights_are_stored_once_whatever_the_steps(tiny: Compiled, scheduler: str) -> None:
    weights = [value.numel() for value in tiny.network.head.parameters()]
    models = {steps: arrays(tiny.model(scheduler, steps)) for steps in (5, 10, 20)}
    sizes = {steps: Counter(array.size for array in found.values()) for steps, found in models.items()}
    # One constant for the time step, as wide as the first layer, and a few numbers of the solver, for each step.
    width = tiny.network.head.from_time.out_features
    for steps in (5, 10):
        more = sizes[2 * steps] - sizes[steps]
        assert set(more) <= {1, width}
        assert more[width] == steps
        assert more[1] <= 8 * steps
    large = [name for name, array in models[20].items() if array.size > width]
    values = [models[20][name].tobytes() for name in large]
    assert len(set(values)) == len(values), "a weight is stored twice"
    assert max(weights) in sizes[5]


def test_a_step_adds_less_than_the_weights(tiny: Compiled) -> None:
    size = {steps: len(ir.to_proto(tiny.model("dpmsolver++", steps)).SerializeToString()) for steps in (10, 20, 40)}
    per_step = (size[40] - size[20]) / 20
    assert per_step == pytest.approx((size[20] - size[10]) / 10, rel=0.1)
    assert per_step < 4096


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_only_what_depends_on_z_is_in_the_loop(tiny: Compiled, scheduler: str) -> None:
    """Two products a step, from z and to the output; the condition's own once; nothing of the time embedding."""
    few, many = (counts(loop(tiny, scheduler, steps)) for steps in (4, 9))
    products = [found.get("MatMul", 0) + found.get("Gemm", 0) for found in (few, many)]
    layers = 1 + len(tiny.network.head.hidden) + 1
    assert products == [4 * layers + 1, 9 * layers + 1]
    assert few["Sigmoid"] == 4 * (layers - 1)
    assert not {"Sin", "Cos", "Exp", "Expand", "Shape"} & set(many)


def test_the_encoder_is_there_once(tiny: Compiled) -> None:
    few, many = (counts(tiny.model("ddim", steps)) for steps in (3, 8))
    assert few["Sin"] == many["Sin"] > 0
    assert few["LayerNormalization"] == many["LayerNormalization"] > 0
    assert not {"DFT", "Conv"} & set(many)


def test_names_are_unique_and_every_value_is_made(tiny: Compiled, joint: Compiled) -> None:
    for case in (tiny, joint):
        graph = case.model("ddpm", 4).graph
        made = [value.name for node in graph for value in node.outputs]
        known = {*made, *graph.initializers, *(value.name for value in graph.inputs)}
        assert len(made) == len(set(made))
        assert all(value.name in known for node in graph for value in node.inputs if value is not None)
        used = {value.name for node in graph for value in node.inputs if value is not None}
        assert set(graph.initializers) <= used, "an initializer that nothing reads"
        assert [value.name for value in graph.outputs] == ["location", "scale", "samples", "quantiles"]


def test_building_leaves_the_pieces_as_they_were(tiny: Compiled) -> None:
    before = ir.to_proto(tiny.head.model).SerializeToString()
    first = ir.to_proto(tiny.model("ddim", 3)).SerializeToString()
    tiny.model("ddpm", 5)
    assert ir.to_proto(tiny.model("ddim", 3)).SerializeToString() == first
    assert ir.to_proto(tiny.head.model).SerializeToString() == before


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_loop_alone_is_the_live_loop(tiny: Compiled, scheduler: str) -> None:
    import torch

    session = session_of(loop(tiny, scheduler, 6))
    tableau = tiny.tableau(scheduler, 6)
    random = np.random.default_rng(0)
    tokens, latent = tiny.network.latent_shape
    condition = random.normal(size=(3, tokens, condition_size(tiny.network))).astype(np.float32)
    noise = normal(0, 3, tableau.num_noises, 9, tokens, latent)
    draws, cond = torch.from_numpy(noise).swapaxes(0, 1), torch.from_numpy(condition)
    expected, _, _ = run_scheduler(
        make_scheduler(scheduler, tiny.network.schedule),
        6,
        lambda _, z, t: tiny.network.head(z.float(), torch.full(z.shape[:2], t), cond).double(),
        lambda index: draws[index].double(),
    )
    (seen,) = session.run(["latents"], {"condition": condition, "noise": noise})
    np.testing.assert_allclose(seen, expected.numpy(), atol=1e-4 * float(expected.std()))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_loop_has_the_head_once_whatever_the_steps(tiny: Compiled, scheduler: str) -> None:
    head = tiny.head.model, tiny.head.broadcast_time
    few, many = (build_loop(*head, tiny.tableau(scheduler, steps), "loop") for steps in (20, 40))
    assert [node.op_type for node in few.graph.all_nodes()] == [node.op_type for node in many.graph.all_nodes()]
    onnx.checker.check_model(ir.to_proto(many), full_check=True)
    (node,) = (node for node in many.graph if node.op_type == "Loop")
    assert len(node.attributes["body"].as_graph()) > len(tiny.head.model.graph) - 12, "the head is in the body"
    size = [len(ir.to_proto(model).SerializeToString()) for model in (few, many)]
    unrolled = len(ir.to_proto(build_loop(*head, tiny.tableau(scheduler, 40))).SerializeToString())
    assert size[0] < size[1] < unrolled


@pytest.mark.parametrize("scheduler", ["ddim", "ddpm", "unipc", "pndm", "sa-solver", "heun", "lms"])
def test_a_loop_gives_what_its_unrolling_gives(tiny: Compiled, joint: Compiled, scheduler: str) -> None:
    for case in (tiny, joint):
        tableau = case.tableau(scheduler, 6)
        tokens, latent = case.network.latent_shape
        condition = normal(1, 2, tokens, condition_size(case.network))
        feed = {"condition": condition, "noise": normal(0, 2, tableau.num_noises, 5, tokens, latent)}
        head = case.head.model, case.head.broadcast_time
        one, other = (session_of(build_loop(*head, tableau, how)).run(None, feed)[0] for how in ("unrolled", "loop"))
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
