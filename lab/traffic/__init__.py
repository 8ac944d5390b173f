"""The servers that stand for the instances, and the clients that connect to them."""
