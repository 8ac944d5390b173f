"""The AWS services that moto simulates, and corrections where moto differs from AWS."""
