"""Benchmarks: the real handlers in the lab, in virtual time. `make bench` runs them; nothing here is asserted."""
