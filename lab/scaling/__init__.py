"""EC2 and Auto Scaling as they behave over time: instances, groups, hooks, warm pools and instance refreshes."""
