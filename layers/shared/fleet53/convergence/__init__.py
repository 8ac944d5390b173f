"""From what AWS says to a plan, and from a plan to changes: reading and applying, for runs and audits."""
