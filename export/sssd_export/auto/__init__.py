"""The search for the fastest engine that loses no more accuracy than allowed."""
