"""From an export request to an engine folder that is checked."""
