"""Serves an engine with Ray Serve: one engine a replica, and as many replicas as are asked for.

    pip install 'ray[serve]' 'sssd-engine[onnx]'
    python examples/serve_ray.py ENGINE [PORT [REPLICAS]]
    curl --data @windows.json http://127.0.0.1:8000/

The body is JSON: an array for each input that ENGINE/manifest.json names, but the noise, and optionally `num_samples`
and `seed`. The answer has `quantiles`, windows × levels × horizons × targets, and what those are.
"""

import sys
from pathlib import Path

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from sssd_engine import load_engine


@serve.deployment
class Forecaster:
    def __init__(self, folder: str) -> None:
        self.engine = load_engine(folder, threads=1)

    async def __call__(self, request: Request) -> JSONResponse:
        try:
            asked = await request.json()
            options = {name: asked.pop(name) for name in ("num_samples", "seed") if name in asked}
            quantiles = self.engine(asked, **options).quantiles  # (B, Q, K, C), data units
        except (ValueError, TypeError, AttributeError) as error:  # EngineError is a ValueError
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(
            {
                "levels": self.engine.quantile_levels,
                "horizons": self.engine.horizons,
                "targets": self.engine.manifest["spec"]["targets"],
                "quantiles": quantiles.tolist(),
            }
        )


def main(folder: str, port: str = "8000", replicas: str = "1") -> None:
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    deployed = Forecaster.options(num_replicas=int(replicas), ray_actor_options={"num_cpus": 1})
    serve.run(deployed.bind(str(Path(folder).resolve())), blocking=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
