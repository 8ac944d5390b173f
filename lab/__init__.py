"""The lab: all of AWS that fleet53 touches, on one machine."""
