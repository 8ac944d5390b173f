"""fleet53: keeps a Route 53 name pointing at exactly the EC2 instances that should serve it."""

import gc

__version__ = "0.1.0"
"""The version in reports and in requests to AWS. A test compares it with those in template.yaml and CHANGELOG.md."""

# This runs before all else that a function imports of fleet53, botocore included. A start makes 100,000 objects that
# stay, and an audit millions. Collections look through them for circular references, and find hardly any (decision 11).
gc.set_threshold(500_000)
