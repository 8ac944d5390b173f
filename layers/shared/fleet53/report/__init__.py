"""The audit's report as values, and its forms: JSON, text and a page."""
