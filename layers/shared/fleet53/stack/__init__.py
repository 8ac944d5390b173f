"""The stack's own lifecycle: CloudFormation's requests and the withdrawal of everything that a stack owns."""
