"""fleet53: keeps a Route 53 name pointing at exactly the EC2 instances that should serve it."""
