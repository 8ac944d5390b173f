"""fleet53: keeps a Route 53 name pointing at exactly the EC2 instances that should serve it."""

__version__ = "0.1.0"
"""The version in reports and in requests to AWS. A test compares it with those in template.yaml and CHANGELOG.md."""
