"""What fleet53 tells others: metrics and events."""
