"""The part of AWS that moto plays, and what moto leaves out."""
