"""Pure mathematics of sampling: the forward process, a solver as a tableau, and the one loop that samples."""
