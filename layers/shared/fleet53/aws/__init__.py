"""The only modules that know boto3, one a service: the calls fleet53 makes, and none of AWS's shapes outside."""
