"""Adapters to AWS, one for each service. Only they use boto3, and they return fleet53's own values."""
