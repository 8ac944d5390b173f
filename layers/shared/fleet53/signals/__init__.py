"""The front door: from the messages of the signals queue to what to look at."""
