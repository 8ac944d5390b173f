"""What an operator declares: the stack's settings, its pools and the audit's schedule."""
