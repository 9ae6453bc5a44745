"""Use cases: what the program does, one a file, against ports only."""
