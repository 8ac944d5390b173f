"""Route 53 in memory: its API, its health checkers and its answers in DNS."""
