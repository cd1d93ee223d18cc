"""The compilers that an engine can be built for, a file each."""
