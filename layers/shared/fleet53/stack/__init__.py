"""The stack's custom resource: CloudFormation's requests, and the removal of all records and checks of a stack."""
