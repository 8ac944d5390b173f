import pytest

from tests.template.stack import source, stack

FUNCTIONS = ["AuditFunction", "ReconcilerFunction", "StackLifecycleFunction", "WidgetFunction"]


def test_these_are_all_functions() -> None:
    assert sorted(name for name, _ in stack().of_type("AWS::Lambda::Function")) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_reserves_no_concurrency_that_a_new_account_does_not_have(function: str) -> None:
    assert "ReservedConcurrentExecutions" not in stack().properties(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_to_a_group_of_its_own_with_the_given_retention(function: str) -> None:
    group = stack().properties(function)["LoggingConfig"]["LogGroup"]
    assert group == function.replace("Function", "Logs")
    assert stack(LogRetentionDays="90").properties(group)["RetentionInDays"] == "90"


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_a_function_runs_on_the_given_architecture_with_the_layer_for_both(function: str, architecture: str) -> None:
    properties = stack(Architecture=architecture).properties(function)
    assert properties["Architectures"] == [architecture]
    assert properties["Runtime"] == "python3.13"
    (layer,) = stack().of_type("AWS::Lambda::LayerVersion")
    assert properties["Layers"] == [layer[0]]
    assert architecture in layer[1]["CompatibleArchitectures"]


def test_the_layer_is_built_by_its_makefile_under_its_logical_id() -> None:
    assert source()["Resources"]["Shared"]["Metadata"] == {"BuildMethod": "makefile"}


def test_only_the_reconciler_may_be_invoked_again_and_again_by_what_it_sends() -> None:
    settings = {function: stack().properties(function).get("RecursiveLoop") for function in FUNCTIONS}
    assert settings == dict.fromkeys(FUNCTIONS) | {"ReconcilerFunction": "Allow"}


def test_the_reconciler_has_its_settings_in_the_environment() -> None:
    wide = stack(AllowedZoneIds="Z2, Z3", AllowedRecordNames="api.example.com, *.example.com")
    told = wide.properties("ReconcilerFunction")["Environment"]["Variables"]
    assert told == {
        "FLEET53_OWNER": "fleet53.eu-west-1.123456789012",
        "FLEET53_POOLS_PATH": "/fleet53/fleet53/pools",
        "FLEET53_POOL_TAG_KEY": "fleet53:pool",
        "FLEET53_HOOK_PREFIX": "fleet53",
        "FLEET53_QUEUE_URL": "Signals",
        "FLEET53_ZONE_IDS": "Z0123456789ABC,Z2,Z3",
        "FLEET53_RECORD_NAMES": "app.example.com,api.example.com,*.example.com",
        "FLEET53_FIRST_POOL": "web",
        "FLEET53_MAX_WITHDRAW_PERCENT": "50",
        "FLEET53_ADMIT_TIMEOUT": "900",
        "FLEET53_UNHEALTHY_LAUNCH_RESULT": "CONTINUE",
        "FLEET53_REPLACE_UNHEALTHY_AFTER": "0",
        "POWERTOOLS_SERVICE_NAME": "reconciler",
        "POWERTOOLS_METRICS_NAMESPACE": "fleet53",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def test_the_audit_has_its_settings_in_the_environment() -> None:
    told = stack().properties("AuditFunction")["Environment"]["Variables"]
    assert told == {
        "FLEET53_OWNER": "fleet53.eu-west-1.123456789012",
        "FLEET53_POOLS_PATH": "/fleet53/fleet53/pools",
        "FLEET53_POOL_TAG_KEY": "fleet53:pool",
        "FLEET53_HOOK_PREFIX": "fleet53",
        "FLEET53_QUEUE_URL": "Signals",
        "FLEET53_ZONE_IDS": "Z0123456789ABC",
        "FLEET53_RECORD_NAMES": "app.example.com",
        "FLEET53_FIRST_POOL": "web",
        "FLEET53_MAX_WITHDRAW_PERCENT": "50",
        "FLEET53_ADMIT_TIMEOUT": "900",
        "FLEET53_UNHEALTHY_LAUNCH_RESULT": "CONTINUE",
        "FLEET53_REPLACE_UNHEALTHY_AFTER": "0",
        "POWERTOOLS_SERVICE_NAME": "audit",
        "POWERTOOLS_METRICS_NAMESPACE": "fleet53",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def test_the_widget_has_the_audits_settings_and_publishes_no_metrics() -> None:
    audit = stack().properties("AuditFunction")["Environment"]["Variables"]
    told = stack().properties("WidgetFunction")["Environment"]["Variables"]
    assert "POWERTOOLS_METRICS_NAMESPACE" not in told
    assert told | {"POWERTOOLS_SERVICE_NAME": "audit", "POWERTOOLS_METRICS_NAMESPACE": "fleet53"} == audit


def test_the_widget_has_the_prefix_that_cloudwatch_recommends_and_answers_while_the_viewer_waits() -> None:
    properties = stack().properties("WidgetFunction")
    assert properties["FunctionName"] == "customWidget-fleet53"
    assert (properties["Timeout"], properties["MemorySize"]) == (60, 512)
