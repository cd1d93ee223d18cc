"""Search over configurations: trials are trained, validated, and those that fall behind are given up early."""
