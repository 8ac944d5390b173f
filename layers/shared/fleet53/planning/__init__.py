"""Pure decisions: from what was read to what should be done, each with its reason."""
