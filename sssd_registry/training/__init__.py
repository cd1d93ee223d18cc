"""Training: draw a batch, predict the noise, step; validate; keep the best.

Everything random follows from the seed and the number of the step, so that a resumed run is the unbroken run.
"""
