"""What an operator declares: the settings of the stack, its pools, and the schedule of the audit."""
