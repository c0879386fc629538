"""The chart: its values against their schema, and what a real helm makes of it against Kubernetes' own schemas."""

import json
import os
import shutil
import subprocess

import jsonschema
import pytest
import yaml
from harness import ROOT

from gateway import __version__
from gateway.config.load import load

CHART = ROOT / "deploy" / "helm" / "fareway"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
HELM = shutil.which("helm", path=os.pathsep.join([str(ROOT / "build/helm"), os.environ["PATH"]]))
KUBERNETES = "1.31"
SECRETS = {
    "REDIS_URL": "redis://redis:6379/0",
    "DATABASE_URL": "postgresql://fareway:p@postgres/fareway",
    "FAREWAY_PEPPER": "pepper",
    "OPENAI_API_KEY": "k",
}
ALONE = {"replicas": 1, "config": {"state": None, "ledger": None, "pepper": None}}
SCALED = {"autoscaling": {"enabled": True}, "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}
MUCH = SCALED | {
    "image": {"repository": "registry.example/fareway", "tag": "7", "pullSecrets": [{"name": "registry"}]},
    "config": {"limits": [{"node": "all", "amount": "2000000 usd", "window": "month"}], "journal": {"sync": "always"}},
    "home": {"size": "20Gi", "storageClass": "fast"},
    "stop": {"notice": 10, "drain": 120},
    "service": {"type": "LoadBalancer", "annotations": {"a.example/b": "c"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}
WRONG = [
    ({"replica": 3}, "replica"),
    ({"replicas": 0}, "replicas"),
    ({"stop": {"drain": "30s"}}, "drain"),
    ({"home": {"size": "much"}}, "size"),
    ({"service": {"type": "ExternalName"}}, "type"),
    ({"autoscaling": {"cpu": 0}}, "cpu"),
    ({"disruption": {"maxUnavailable": "half"}}, "maxUnavailable"),
]


def merged(values, over):
    return {
        key: merged(values[key], over[key])
        if isinstance(values.get(key), dict) and isinstance(over.get(key), dict)
        else over.get(key, values.get(key))
        for key in values | over
    }


def helm(*arguments, values=None):
    """What it says, or why not."""
    if HELM is None:
        pytest.skip("helm is not here: scripts/setup-helm.sh builds it where Go is")
    done = subprocess.run(
        [HELM, arguments[0], *arguments[1:], "-f", "-"],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def rendered(values=None):
    """What is made of the chart: kind and name -> object."""
    status, out, err = helm("template", "prod", str(CHART), "--kube-version", KUBERNETES, values=values)
    assert status == 0, err
    found = [one for one in yaml.safe_load_all(out) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def test_the_values_follow_their_schema():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    for over in ({}, ALONE, SCALED, MUCH):
        jsonschema.validate(merged(VALUES, over), SCHEMA)
    assert set(VALUES) == set(SCHEMA["properties"]) - {"global"}


@pytest.mark.parametrize(("over", "named"), WRONG)
def test_a_wrong_value_is_refused(over, named):
    with pytest.raises(jsonschema.ValidationError) as refused:
        jsonschema.validate(merged(VALUES, over), SCHEMA)
    assert named in f"{refused.value.json_path} {refused.value.message}"


def test_it_brings_this_version():
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_helm_finds_nothing_to_complain_about():
    for over in ({}, ALONE, SCALED, MUCH):
        status, out, err = helm("lint", "--strict", str(CHART), values=over)
        assert status == 0, out + err


@pytest.mark.parametrize("over", [{}, ALONE, SCALED, MUCH], ids=["as it is", "alone", "scaled", "much"])
def test_kubernetes_would_take_what_helm_makes_of_it(over, monkeypatch):
    """Strictly: a field that Kubernetes does not know is a mistake. The Prometheus operator's kind is its own."""
    objects = rendered(over)
    monkeypatch.syspath_prepend(ROOT / "build/helm/schemas")
    validator = pytest.importorskip("kubernetes_validate", reason="scripts/setup-helm.sh installs it")
    for (kind, _), one in objects.items():
        if kind != "ServiceMonitor":
            validator.validate(one, KUBERNETES, strict=True)


def test_a_replica_is_locked_in_and_has_a_home_of_its_own():
    stateful = rendered()["StatefulSet", "prod-fareway"]["spec"]
    pod = stateful["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    (claim,) = stateful["volumeClaimTemplates"]
    writable = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {claim["metadata"]["name"]: "/var/lib/fareway", "tmp": "/tmp"}
    assert stateful["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    image = (ROOT / "deploy/Dockerfile").read_text()
    assert f"USER {pod['securityContext']['runAsUser']}:" in image
    assert "FAREWAY_HOME=/var/lib/fareway" in image


def test_the_gateway_takes_the_configuration_that_helm_writes(tmp_path):
    for over in ({}, ALONE, MUCH):
        data = rendered(over)["ConfigMap", "prod-fareway"]["data"]
        path = tmp_path / "fareway.yaml"
        path.write_text(data["fareway.yaml"])
        settings = load(path, SECRETS | {"FAREWAY_HOME": str(tmp_path)})
        assert settings.server.host == "0.0.0.0"
        assert settings.server.drain_s == merged(VALUES, over)["stop"]["drain"]


@pytest.mark.parametrize("over", [{}, MUCH], ids=["as it is", "much"])
def test_a_stop_takes_as_long_as_calls_may_run_on(over):
    stop = merged(VALUES, over)["stop"]
    pod = rendered(over)["StatefulSet", "prod-fareway"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", str(stop["notice"])]
    assert pod["terminationGracePeriodSeconds"] > stop["notice"] + stop["drain"]


def test_it_is_scaled_by_a_metric_that_the_gateway_has():
    objects = rendered(SCALED)
    scaler = objects["HorizontalPodAutoscaler", "prod-fareway"]["spec"]
    assert scaler["scaleTargetRef"]["kind"] == "StatefulSet"
    assert "replicas" not in objects["StatefulSet", "prod-fareway"]["spec"], "two would set it"
    calls, _ = scaler["metrics"]
    name = calls["pods"]["metric"]["name"]
    assert f"`{name}`" in (ROOT / "docs/observability.md").read_text()
    assert name in (ROOT / "docs/deploy.md").read_text(), "the adapter must be told"
    assert [kind for kind, _ in rendered({"autoscaling": {"enabled": False}}) if kind.startswith("Horizontal")] == []


def test_each_replica_is_scraped_once():
    objects = rendered(SCALED)
    monitor = objects["ServiceMonitor", "prod-fareway"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = [one["metadata"]["labels"] for (kind, _), one in objects.items() if kind == "Service"]
    scraped = [labels for labels in services if wanted <= labels.items() and "fareway/names-only" not in labels]
    assert len(services) == 2
    assert len(scraped) == 1


@pytest.mark.parametrize(("over", "named"), [*WRONG, ({"config": {"state": None}}, "config.state")])
def test_helm_refuses_what_would_not_work(over, named):
    """Several gateways that share nothing among them: every limit would hold for each alone."""
    status, _, err = helm("template", "prod", str(CHART), "--kube-version", KUBERNETES, values=over)
    assert status != 0
    assert named in err
