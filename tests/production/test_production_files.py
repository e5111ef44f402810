"""What dagster_home/production ships: Dagster accepts its settings, and image, compose and chart files hold together.

There is no container engine here: nothing of this was run in a container. What the image does is done step by step in
test_image_steps.py, what the cluster does with emulated services in test_cluster.py.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.ref import InstanceRef
from dagster._serdes.config_class import ConfigurableClassData
from dagster.version import __version__

from property_video.settings import PACKAGE

PRODUCTION = PACKAGE.parent / "dagster_home" / "production"

ENVIRONMENT = {
    "DAGSTER_PG_HOST": "127.0.0.1",
    "DAGSTER_PG_PORT": "5432",
    "DAGSTER_PG_USER": "dagster",
    "DAGSTER_PG_PASSWORD": "secret",
    "DAGSTER_PG_DB": "dagster",
    "PROPERTY_VIDEO_LOG_BUCKET": "logs",
}


def loaded(name: str) -> Any:
    return yaml.safe_load((PRODUCTION / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["dagster.yaml", "one-host.yaml"])
def test_dagster_accepts_the_settings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    (tmp_path / "dagster.yaml").write_bytes((PRODUCTION / name).read_bytes())
    ref = InstanceRef.from_dir(str(tmp_path))
    parts = [part for part in ref if isinstance(part, ConfigurableClassData)]
    assert len(parts) >= 7
    for part in parts:
        wanted = getattr(import_module(part.module_name), part.class_name).config_type()
        found = process_config(resolve_to_config_type(wanted), yaml.safe_load(part.config_yaml) or {})
        assert found.success, found.errors
    assert ref.storage_data is not None
    assert ref.storage_data.class_name == "DagsterPostgresStorage"


def settings_that_must_agree(config: dict[str, Any]) -> dict[str, Any]:
    """What holds wherever films are made: one run per campaign, dead workers noticed, runs retried for them alone."""
    return {
        "limits": config["concurrency"]["runs"]["tag_concurrency_limits"],
        "monitored": config["run_monitoring"]["enabled"],
        "retries": config["run_retries"],
        "requeued": config["run_queue"]["max_user_code_failure_retries"],
        "telemetry": config["telemetry"],
        "ticks kept": config["retention"],
    }


def test_all_homes_agree_where_they_must():
    one_machine = yaml.safe_load((PRODUCTION.parent / "dagster.yaml").read_text(encoding="utf-8"))
    wanted = settings_that_must_agree(one_machine)
    assert settings_that_must_agree(loaded("dagster.yaml")) == wanted
    assert settings_that_must_agree(loaded("one-host.yaml")) == wanted
    assert loaded("one-host.yaml")["run_launcher"] == one_machine["run_launcher"]
    chart = loaded("kubernetes.yaml")["dagsterDaemon"]
    (limit,) = chart["runCoordinator"]["config"]["queuedRunCoordinator"]["tagConcurrencyLimits"]
    assert [limit] == wanted["limits"]
    assert chart["runRetries"] == {"enabled": True, "maxRetries": 3, "retryOnAssetOrOpFailure": False}


def test_compose_names_what_there_is():
    compose = loaded("compose.yaml")
    services = compose["services"]
    assert set(services) == {"postgres", "code", "daemon", "webserver"}
    for name in ("code", "daemon", "webserver"):
        service = services[name]
        assert service["restart"] == "always"
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        for mount in service["volumes"]:
            source = mount.split(":")[0]
            assert source in compose["volumes"] or (PRODUCTION / source).is_file()
        assert all(needed in services for needed in service["depends_on"])
    assert services["daemon"]["pid"] == "service:code"
    assert services["daemon"]["hostname"] == services["code"]["hostname"], "runs are signed with it"
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    asked_for = set(re.findall(r"env: (\w+)", (PRODUCTION / "one-host.yaml").read_text()))
    assert asked_for <= set(services["daemon"]["environment"])
    build = services["code"]["build"]
    assert (PRODUCTION / build["context"] / build["dockerfile"]).is_file()


def test_the_chart_is_of_the_librarys_version():
    text = (PRODUCTION / "kubernetes.yaml").read_text(encoding="utf-8")
    assert f"--version {__version__} " in text
    images = {
        (image["repository"], image["tag"])
        for image in (
            loaded("kubernetes.yaml")["dagsterWebserver"]["image"],
            loaded("kubernetes.yaml")["dagsterDaemon"]["image"],
            loaded("kubernetes.yaml")["dagster-user-deployments"]["deployments"][0]["image"],
        )
    }
    assert len(images) == 1, "the daemon loads our launcher and log handler, so it needs our image too"


def test_the_image_is_pinned_compiled_and_not_roots():
    text = (PRODUCTION / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*CMD \[", text, re.MULTILINE)
    assert "--require-hashes" in text
    assert "compileall" in text
    locked = (PRODUCTION / "requirements.txt").read_text(encoding="utf-8")
    everywhere = (PACKAGE.parent / "requirements.txt").read_text(encoding="utf-8")
    for package in re.findall(r"^([a-z0-9._-]+==[^ ;]+)", locked, re.MULTILINE):
        assert package in everywhere, f"{package}: make lock"
    for tool in ("pytest", "ruff", "moto", "mypy"):
        assert f"\n{tool}==" not in locked
