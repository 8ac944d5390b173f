"""The error with which the lab's Auto Scaling refuses a request."""


class ScalingError(Exception):
    """A refusal, HTTP status 400: AWS's error code and text."""

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def no_such_group() -> ScalingError:
    """Return the refusal of a request that names an unknown group; the "null" is AWS's own."""
    return ScalingError("AutoScalingGroup name not found - null")
