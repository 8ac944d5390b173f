"""The audit: what a pass would change, and everything else that a person should know."""
