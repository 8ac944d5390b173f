"""The reconciler: a run from a batch of messages to changes in Route 53, completed lifecycle actions and timers."""
