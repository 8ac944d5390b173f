"""How many items a page of a Route 53 listing holds."""

from lab.route53_error import invalid_input


def page_size(text: str | None, *, default: int, most: int) -> int:
    """Return the size of a page; a request for more than AWS's maximum is answered with that maximum."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise invalid_input(f"MaxItems must be a whole number of at least 1, not {text!r}")
    return min(int(text), most)
