"""Serves an engine over HTTP with Python's own server: numpy and the engine's runtime are all that it needs.

    python examples/serve_http.py ENGINE [PORT [ADDRESS]]
    curl --data @windows.json http://127.0.0.1:8000/

The body is JSON: an array for each input that ENGINE/manifest.json names, but the noise, and optionally `num_samples`
and `seed`. The answer has `quantiles`, windows × levels × horizons × targets, and what those are. One engine serves all
threads. GET /health answers while it can forecast. It listens on this machine alone, unless another address is given;
put a server made for the open network before it.
"""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sssd_engine import Engine, load_engine

MAX_BYTES = 64_000_000


def answer(engine: Engine, body: bytes) -> tuple[int, dict[str, object]]:
    """Status and answer to one request."""
    try:
        asked = json.loads(body)
        if not isinstance(asked, dict):
            raise ValueError("the body has to be a JSON object")
        options = {name: asked.pop(name) for name in ("num_samples", "seed") if name in asked}
        quantiles = engine(asked, **options).quantiles  # (B, Q, K, C), data units
    except (ValueError, TypeError) as error:  # EngineError is a ValueError
        return 400, {"error": str(error)}
    spec = engine.manifest["spec"]
    return 200, {
        "levels": engine.quantile_levels,
        "horizons": engine.horizons,
        "targets": spec["targets"],
        "quantiles": quantiles.tolist(),
    }


def main(folder: str, port: str = "8000", address: str = "127.0.0.1") -> None:
    engine = load_engine(folder, threads=1)  # of each call; requests run side by side
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container has no other way to end

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/health"
            self.respond(200 if known else 404, {"horizons": engine.horizons} if known else {"error": "ask /health"})

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            too_long = size > MAX_BYTES
            self.respond(*((413, {"error": "too long"}) if too_long else answer(engine, self.rfile.read(size))))

        def respond(self, status: int, found: dict[str, object]) -> None:
            text = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer((address, int(port)), Handler)
    print(f"http://{address}:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
