"""Makes the tree that the benchmark looks at."""
