"""Reads the situation of pools from AWS, and applies a plan to Route 53."""
