"""The ONNX graph of a whole forecast: traced stages, the solver's loop, and the passes that rewrite them."""
