"""A few random stories of everything that may happen to a stack. `make soak` tells many more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.soak.machine import STEPS, play

if TYPE_CHECKING:
    from tests.soak.machine import Step


@settings(max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=25, max_size=35), st.booleans())
def test_in_every_story_dns_is_right_meanwhile_and_as_desired_in_the_end(steps: list[Step], gentle: bool) -> None:
    play(steps, gentle=gentle)
