"""The audit: reports what the reconciler would change, and other faults that a person should know about."""
