"""The stack's custom resource: CloudFormation's requests, and the removal of a stack's records and health checks."""
