"""The reconciler: one run from messages to changes, completed lifecycle actions and requeued messages."""
