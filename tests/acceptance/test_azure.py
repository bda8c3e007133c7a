"""What the stories cannot show: secrets in --debug, who is asked when, and what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.arm.messages import Request, Response, error
from tests.support.arm.providers import SUBNET
from tests.support.arm.server import SECRET, SUBSCRIPTION, TOKEN, Server
from tests.support.arm.standin import StandIn
from tests.support.azcli import Az

pytestmark = pytest.mark.acceptance

GROUP = ("-g", "PostgresDemo")
TASK = (*GROUP, "--service-name", "S", "--project-name", "P", "-n", "t")
CANARIES = ('canary-"source"-pw', "canary-\\targét-pw", SECRET, TOKEN)
VARIABLES = {
    "AZEXT_DMS_PG_SOURCE_PASSWORD": CANARIES[0],
    "AZEXT_DMS_PG_TARGET_PASSWORD": CANARIES[1],
}
ON_AZURE = ("-l", "eastus2", "--sku-name", "Premium_4vCores", "--subnet", f"{SUBNET}/Good")


def _service_and_project(
    az: Az, source: str = "PostgreSQL", target: str = "AzureDbForPostgreSql"
) -> None:
    az.check("dms", "create", *GROUP, "-n", "S", *ON_AZURE, "--skip-network-check")
    platforms = ("--source-platform", source, "--target-platform", target)
    az.check("dms", "project", "create", *GROUP, "--service-name", "S", "-n", "P", *platforms)


def _files(directory: Path, **more: object) -> tuple[str, ...]:
    connection = {"userName": "u", "serverName": "s", **more}
    path = str(directory / f"{'-'.join(connection)}.json")
    Path(path).write_text(json.dumps(connection))
    return ("--source-connection-json", path, "--target-connection-json", path)


def _no_canary(*texts: str) -> None:
    """Neither as they are nor as JSON writes them."""
    for text in texts:
        for canary in CANARIES:
            for as_ascii in (True, False):
                assert canary not in text
                assert json.dumps(canary, ensure_ascii=as_ascii)[1:-1] not in text


def test_passwords_never_reach_debug(azure: Az, arm: StandIn, tmp_path: Path) -> None:
    _service_and_project(azure)
    for arguments, variables in (
        ((*_files(tmp_path), "--databases", "d"), VARIABLES),
        ((*_files(tmp_path, password=CANARIES[0]), "--databases", "d"), {}),
        ((*_files(tmp_path), "--databases", "d", "--tables"), VARIABLES),
        ((*_files(tmp_path, port="x"), "--databases", "d"), VARIABLES),
    ):
        done = azure.run(
            "dms", "project", "task", "create", *TASK, *arguments, "--debug", **variables
        )
        _no_canary(done.out, done.err)
    for verb in ("show", "cancel"):
        done = azure.run("dms", "project", "task", verb, *TASK, "--debug")
        _no_canary(done.out, done.err)
    sent = [
        request for request in arm.seen if request.method == "PUT" and "/tasks/" in request.path
    ]
    given = json.loads(sent[0].body)["properties"]["input"]
    assert given["sourceConnectionInfo"]["password"] == CANARIES[0]
    assert given["targetConnectionInfo"]["password"] == CANARIES[1]
    for path in azure.config.rglob("*"):
        if path.is_file() and path.name not in {
            "service_principal_entries.json",
            "msal_token_cache.json",
        }:
            text = path.read_bytes().decode(errors="replace")
            assert CANARIES[0] not in text, path
            assert CANARIES[1] not in text, path


def test_passwords_never_reach_debug_for_other_platforms(
    azure: Az, arm: StandIn, tmp_path: Path
) -> None:
    _service_and_project(azure, "MySQL", "AzureDbForMySQL")
    options = tmp_path / "options.json"
    options.write_text('{"selected_databases": [{"name": "a", "target_database_name": "b"}]}')
    arguments = (*_files(tmp_path), "--database-options-json", str(options))
    done = azure.run("dms", "project", "task", "create", *TASK, *arguments, "--debug", **VARIABLES)
    assert done.code == 0, done.err
    _no_canary(done.out, done.err)
    given = json.loads(arm.seen[-1].body)["properties"]["input"]
    assert given["sourceConnectionInfo"]["password"] == CANARIES[0]


def test_what_azure_quotes_is_struck(
    arm_server: Server, azure: Az, arm: StandIn, tmp_path: Path
) -> None:
    """ARM may repeat what it was sent in its message."""
    _service_and_project(azure)

    def quoting(request: Request) -> Response:
        if request.method == "PUT":
            return error(400, "InvalidRequest", f"Cannot use {request.body.decode()}")
        return arm(request)

    arm_server.brain = quoting
    done = azure.run(
        "dms",
        "project",
        "task",
        "create",
        *TASK,
        *_files(tmp_path),
        "--databases",
        "d",
        **VARIABLES,
    )
    assert done.code == 1
    assert "(InvalidRequest)" in done.err
    assert "***" in done.err
    _no_canary(done.err)


def test_malformed_json_is_not_repeated(azure: Az) -> None:
    _service_and_project(azure)
    text = '{"userName": "u", "serverName": "s", "password": ' + json.dumps(CANARIES[0]) + "x}"
    done = azure.run(
        "dms", "project", "task", "create", *TASK, "--source-connection-json", text,
        "--target-connection-json", text, "--databases", "d",
    )  # fmt: skip
    assert done.code == 1
    assert "column" in done.err
    _no_canary(done.err)


def test_no_login_is_said_with_the_way_that_needs_none(signed_out: Az) -> None:
    for arguments in (
        ("dms", "show", *GROUP, "-n", "S"),
        ("dms", "create", *GROUP, "-n", "S", *ON_AZURE),
        ("dms", "project", "list", *GROUP, "--service-name", "S"),
        ("dms", "project", "task", "show", *TASK),
        ("dms", "check-name", "-l", "eastus2", "-n", "S"),
        # Not to know is not to be gone.
        ("dms", "wait", *GROUP, "-n", "S", "--deleted"),
        ("dms", "wait", *GROUP, "-n", "S", "--created"),
    ):
        done = signed_out.run(*arguments)
        assert done.code == 1, done.err
        assert "az login" in done.err
        assert "-l local" in done.err
        assert "Traceback" not in done.err


def test_nothing_local_needs_a_login(signed_out: Az) -> None:
    listed = signed_out.run("dms", "list")
    assert listed.json == []
    assert "Only the services on this machine are listed" in listed.err
    signed_out.check("dms", "create", "-l", "local", *GROUP, "-n", "S")
    assert len(signed_out.check("dms", "list")) == 1
    assert signed_out.check("dms", "list-skus")
    assert signed_out.check("dms", "check-status", *GROUP, "-n", "S")
    assert not signed_out.check("dms", "check-name", "-l", "local", "-n", "s")["nameAvailable"]
    again = signed_out.run("dms", "create", "-l", "eastus2", *GROUP, "-n", "S")
    assert again.code == 1
    assert "local services are found first" in again.err
    signed_out.check("dms", "delete", *GROUP, "-n", "s", "-y")


def test_watching_outlives_a_bad_moment_of_azure(
    arm_server: Server, azure: Az, arm: StandIn, tmp_path: Path
) -> None:
    _service_and_project(azure)
    create = ("dms", "project", "task", "create", *TASK, *_files(tmp_path), "--databases", "d")
    azure.check(*create, **VARIABLES)
    refused: list[str] = []

    def busy(request: Request) -> Response:
        # More often than the SDK itself tries again; not at the first look, which must succeed.
        if request.query.get("$expand") == "output" and len(refused) < 8:
            refused.append(request.path)
            status, code = (503, "ServerBusy") if len(refused) < 5 else (429, "TooManyRequests")
            return replace(error(status, code, "Later."), headers={"Retry-After": "0.01"})
        return arm(request)

    arm_server.brain = busy
    done = azure.run(
        "dms", "project", "task", "watch", *TASK, "--until", "ready", "--interval", "0.1"
    )
    assert done.code == 0, done.err
    assert len(refused) == 8
    assert "Azure cannot be asked at this moment" in done.out


def test_lists_are_joined(azure: Az, arm_server: Server) -> None:
    azure.check("dms", "create", *GROUP, "-n", "OnAzure", *ON_AZURE, "--skip-network-check")
    azure.check("dms", "create", "-l", "local", "-g", "Elsewhere", "-n", "Here")
    try:
        names = [item["name"] for item in azure.check("dms", "list")]
        assert names == ["Here", "OnAzure"]
        # A group that only local services are in need not exist on Azure.
        assert [item["name"] for item in azure.check("dms", "list", "-g", "elsewhere")] == ["Here"]
        only = azure.check("dms", "list", "--subscription", SUBSCRIPTION)
        assert [item["name"] for item in only] == ["OnAzure"]

        # What is here is listed even when Azure cannot be asked, and that is said.
        def refuses(_: Request) -> Response:
            return error(403, "AuthorizationFailed", "No.")

        arm_server.brain = refuses
        done = azure.run("dms", "list")
        assert [item["name"] for item in done.json] == ["Here"]
        assert "Only the services on this machine are listed" in done.err
        assert "AuthorizationFailed" in done.err
        assert done.code == 1
    finally:
        azure.check("dms", "delete", "-g", "Elsewhere", "-n", "Here", "-y")


def test_ids_work_for_local_and_azure(azure: Az) -> None:
    there = azure.check("dms", "create", *GROUP, "-n", "OnAzure", *ON_AZURE, "--skip-network-check")
    here = azure.check("dms", "create", "-l", "local", *GROUP, "-n", "Here")
    try:
        for service in (there, here):
            shown = azure.check("dms", "show", "--ids", service["id"])
            assert shown["location"] == service["location"]
        both = azure.check("dms", "show", "--ids", there["id"], here["id"])
        assert {item["name"] for item in both} == {"OnAzure", "Here"}
    finally:
        azure.check("dms", "delete", "--ids", here["id"], "-y")


def test_the_rival_extension_is_named(signed_out: Az) -> None:
    rival = signed_out.extensions / "dms-preview"
    (rival / "azext_dms").mkdir(parents=True)
    (rival / "azext_dms" / "__init__.py").write_text(
        "from azure.cli.core import AzCommandsLoader\nCOMMAND_LOADER_CLS = AzCommandsLoader\n"
    )
    (rival / "azext_dms" / "azext_metadata.json").write_text("{}")
    info = rival / "dms_preview-0.15.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dms-preview\nVersion: 0.15.0\n")
    done = signed_out.run("dms", "list")
    assert done.code == 0, done.err
    assert "az extension remove -n dms-preview" in done.err
    quiet = signed_out.run("dms", "list", "--only-show-errors")
    assert quiet.err == ""


def test_results_on_stdout_everything_else_on_stderr(azure: Az) -> None:
    azure.check("dms", "create", *GROUP, "-n", "S", *ON_AZURE)
    done = azure.run("dms", "show", *GROUP, "-n", "S", "-o", "none")
    assert (done.code, done.out) == (0, "")
    done = azure.run("dms", "show", *GROUP, "-n", "S", "--query", "name", "-o", "tsv")
    assert done.out == "S\n"
    done = azure.run("dms", "stop", *GROUP, "-n", "S", "--only-show-errors")
    assert (done.code, done.out, done.err) == (0, "", "")
