"""Adapters to AWS, one for each service. Only they use botocore, and they return fleet53's own values."""
