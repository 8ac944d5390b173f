"""Applies every correction of moto 5.2 that the modules of this folder list, service by service.

Each correction is a function whose docstring says what it does as AWS does, what moto does instead, and where AWS
documents it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from unittest.mock import patch

from lab.moto import (
    autoscaling,
    awslambda,
    cloudformation,
    cloudwatch,
    ec2_gaps,
    ec2_stack,
    events,
    logs,
    refusals,
    roles,
    scaling_stack,
    secondary,
    sqs,
    ssm,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.moto.autoscaling import Scaling
    from lab.moto.awslambda import Invoke, Start
    from lab.moto.cloudformation import Own
    from lab.moto.events import Put
    from lab.moto.late import Late


@contextlib.contextmanager
def filled(
    invoke: Invoke, start: Start, scaling: Scaling, put: Put, late: Late, *, own: Callable[[], Own]
) -> Iterator[None]:
    """Let moto behave as AWS does, for as long as this is entered.

    `invoke` runs a Lambda function now and `start` runs it later; `scaling` answers requests to Auto Scaling; `put`
    delivers the events of PutEvents; `late` is what EC2 does not show yet; `own` returns the lab's own stack, as
    soon as there is one.
    """
    corrections = (
        *ec2_gaps.gaps(),
        *secondary.gaps(),
        *ec2_stack.gaps(),
        *scaling_stack.gaps(),
        *late.gaps(),
        *autoscaling.gaps(scaling),
        *awslambda.gaps(invoke, start),
        *events.gaps(put),
        *cloudformation.gaps(own),
        *cloudwatch.gaps(),
        *sqs.gaps(),
        *ssm.gaps(),
        *logs.gaps(),
        *refusals.gaps(),
        *roles.gaps(),
    )
    with contextlib.ExitStack() as stack:
        for owner, name, replacement in corrections:
            # create: Auto Scaling operations that moto lacks are added.
            stack.enter_context(patch.object(owner, name, replacement, create=True))
        yield
