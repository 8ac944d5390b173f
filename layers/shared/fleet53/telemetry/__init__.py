"""Metrics and events: how fleet53 reports what it did, to CloudWatch and to other people's EventBridge rules."""
