"""``make demo-cluster``: the demo's hub on a Kubernetes of its own with four pretend GPUs, until Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
from typing import NoReturn

import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.kubernetes import STOCK_HUB_RULES
from tests.cluster.places import REPOSITORY

NAMESPACE = "demo"
GPUS = 4
RBAC = REPOSITORY / "deploy" / "z2jh" / "rbac.yaml"


def run_demo() -> None:
    """Start a cluster, then the hub on it; the hub ends first, so that it can stop its servers.

    Always holds:
        - when this process ends in whatever way, both end, and nothing of them is kept.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    cluster = Cluster()
    try:
        with cluster:
            cluster.set_gpus(GPUS)
            cluster.create_namespace(NAMESPACE)
            _run_hub(cluster)
    except KeyboardInterrupt:
        print("\nthe demo has ended", flush=True)
    finally:
        shutil.rmtree(cluster.workdir, ignore_errors=True)


def _run_hub(cluster: Cluster) -> None:
    """Run the hub until it ends or this process is asked to."""
    # In a session of its own it gets one signal only: Ctrl-C would reach it twice.
    hub = subprocess.Popen(
        [
            *("setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", "jupyterhub"),
            *("-f", str(REPOSITORY / "jupyterhub_config.py")),
        ],
        cwd=REPOSITORY,
        env={**os.environ, **_environment(cluster)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        hub.wait()
    finally:
        hub.terminate()
        hub.wait()


def _environment(cluster: Cluster) -> dict[str, str]:
    """What the demo's configuration reads; the hub has what the stock chart and rbac.yaml grant."""
    documents = yaml.safe_load_all(RBAC.read_text())
    role = next(one for one in documents if one["kind"] == "ClusterRole")
    account = cluster.service_account_kubeconfig(NAMESPACE, "hub", STOCK_HUB_RULES, role["rules"])
    return {
        "KUBECONFIG": str(account),
        "DEMO_STATE": str(cluster.workdir / "hub"),
        "DEMO_NAMESPACE": NAMESPACE,
        "DEMO_HUB_IP": cluster.hub_ip,
        "DEMO_IMAGE": cluster.notebook_image,
    }


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
