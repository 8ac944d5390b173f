"""The deployed stack: the template, its functions, and what invokes them."""
