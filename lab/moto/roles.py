"""Roles: their names in a stack, who may assume those of other accounts, and the permissions of a session.

moto lets every caller assume every role, also one that does not exist, and its services evaluate no policy. Sources:
IAM User Guide, "Cross-account policy evaluation logic" (the policy of the caller and the trust policy both have to
allow it), "How to use an external ID", and "AWS global condition context keys" (aws:PrincipalArn is the ARN of the role
of a session, aws:userid its id and the session's name); STS API Reference, AssumeRole.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from moto.cloudformation import parsing
from moto.cloudformation.utils import random_suffix
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.sts.models import STSBackend, sts_backends

from lab.iam import Session, allows
from lab.moto.cloud import ACCOUNT
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from lab.iam import Request

_PARTITION: Final = "aws"
_KEY: Final = "AKIALAB"
"""The beginning of the access keys of people in other accounts. The account follows."""
_LONGEST_NAMES: Final = {"AWS::IAM::Role": 64, "AWS::Lambda::Function": 64}
"""Characters of a name (IAM API Reference, CreateRole; Lambda API Reference, CreateFunction)."""


class EndedError(Exception):
    """The credentials of a session are no longer valid; the message is the code with which AWS says so."""


def gaps() -> tuple[Gap, ...]:
    """Return how moto's roles and sessions are corrected."""
    return _shorten_names(), _keep_the_roles_id(), _keep_policies_as_text()


def _shorten_names() -> Gap:
    """Let the names of a stack's roles and functions be as long as their services allow; moto makes longer ones.

    A logical id that does not fit beside the stack's name and the random end keeps half of the room. The stack's name
    has what is left, so it is shortened differently for each logical id. AWS does not document this; its users found it
    (KensioSoftware/yulin 1113, convox/rack 2297 and 2698 on GitHub).
    """
    name_as_moto = parsing.generate_resource_name

    def name(resource_type: str, stack_name: str, logical_id: str) -> str:
        if resource_type not in _LONGEST_NAMES:
            return str(name_as_moto(resource_type, stack_name, logical_id))
        end = f"-{random_suffix()}"
        room = _LONGEST_NAMES[resource_type] - len(end)
        if len(stack_name) + 1 + len(logical_id) > room:
            logical_id = logical_id[: (room - 1) // 2]
        return f"{stack_name[: room - 1 - len(logical_id)]}-{logical_id}{end}"

    return Gap(parsing, "generate_resource_name", name)


def _keep_policies_as_text() -> Gap:
    """Keep an inline policy as JSON, also where CloudFormation gives it; moto then answers GetRolePolicy with no JSON.

    Source: IAM API Reference, GetRolePolicy.
    """
    put_as_moto = Role.put_policy

    def put_policy(role: Any, policy_name: str, policy: Any) -> None:
        put_as_moto(role, policy_name, policy if isinstance(policy, str) else json.dumps(policy))

    return Gap(Role, "put_policy", put_policy)


def _keep_the_roles_id() -> Gap:
    """Keep the id of the role that a session is of. moto knows its ARN only, which another role may have later.

    Source: IAM User Guide, "IAM identifiers", unique identifiers.
    """
    assume_as_moto = STSBackend.assume_role

    def assume_role(backend: Any, **given: Any) -> Any:
        assumed = assume_as_moto(backend, **given)
        role = _role(assumed.role_arn)
        assumed.role_id = None if role is None else role.id
        return assumed

    return Gap(STSBackend, "assume_role", assume_role)


def refusal(request: Request, principal: str) -> str | None:
    """Return how STS says that a role's trust policy does not let a principal assume it, or None where it does.

    `principal` is the ARN of the caller's role, or of its account.
    """
    role, account = _role(request.resource), principal.split(":")[4]
    asked = replace(request, context={**request.context, "aws:PrincipalArn": [principal]})
    statements = [] if role is None else _statements(role.assume_role_policy_document)
    trusted = {principal, account, f"arn:{_PARTITION}:iam::{account}:root"}
    if any(trusted & _principals(each) and allows(each, asked) for each in statements):
        return None
    return f"User: {principal} is not authorized to perform: sts:AssumeRole on resource: {request.resource}"


def _statements(document: str) -> list[dict[str, Any]]:
    return list(json.loads(document)["Statement"])


def _principals(statement: dict[str, Any]) -> set[str]:
    named = statement["Principal"].get("AWS", ())
    return {named} if isinstance(named, str) else set(named)


def session(access_key: str) -> Session | None:
    """Return the session that has this access key, or None if none has it; raise EndedError if it has ended."""
    for account, backends in sts_backends.items():
        assumed = backends[_PARTITION].get_assumed_role_from_access_key(access_key)
        if assumed is None:
            continue
        role = _role(assumed.role_arn)
        if role is None or role.id != assumed.role_id:
            raise EndedError("InvalidClientTokenId")
        if assumed.expiration.replace(tzinfo=UTC) <= datetime.now(UTC):
            raise EndedError("ExpiredToken")
        statements = tuple(each for document in role.policies.values() for each in _statements(document))
        return Session(assumed.arn, account, f"{role.id}:{assumed.session_name}", statements)
    return None


def account_of(access_key: str) -> str:
    """Return the account of a person's access key: the lab's, or the one that `key_of` names in it."""
    return access_key.removeprefix(_KEY) if access_key.startswith(_KEY) else ACCOUNT


def key_of(account: str) -> str:
    """Return an access key of a person in an account, who may do everything there."""
    return f"{_KEY}{account}"


def _role(arn: str) -> Any:
    try:
        return iam_backends[arn.split(":")[4]][_PARTITION].get_role_by_arn(arn)
    except NotFoundException:
        return None
