"""A model as a folder: safetensors and JSON, proven unchanged."""
