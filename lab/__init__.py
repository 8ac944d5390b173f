"""The lab: every AWS service that fleet53 uses, simulated on one machine."""
