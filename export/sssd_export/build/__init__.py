"""Build of an engine: from an export request to an engine folder that is checked."""
