"""The demo's configuration; `make demo` starts it. What a campus's own needs of it: the import and `setup`."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import jupyterhub_edu

c = get_config()

HERE = Path(__file__).parent
STATE = Path(os.environ.get("DEMO_STATE", HERE / ".demo"))
ON_CLUSTER = "DEMO_NAMESPACE" in os.environ  # `make demo-cluster` says so
ADDRESS = os.environ.get("DEMO_URL", "http://127.0.0.1:8000")
HOST, PORT = urlsplit(ADDRESS).hostname, urlsplit(ADDRESS).port or 80

jupyterhub_edu.setup(
    c,
    HERE / "deploy" / "demo" / "campus.yaml",
    spawner="kubernetes" if ON_CLUSTER else "local",
)

# A hub on this machine alone, with everything it writes in one folder.
(STATE / "homes").mkdir(parents=True, exist_ok=True)
c.JupyterHub.bind_url = ADDRESS
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = PORT + 81  # the usual ones beside 8000, so that two demos can run
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{PORT + 1}"
if (
    HOST == "localhost"
):  # browsers find every name below it on this machine: a domain for each person's servers
    c.JupyterHub.subdomain_host = ADDRESS
c.JupyterHub.db_url = f"sqlite:///{STATE / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")
c.EduLocalSpawner.home_dir_template = str(STATE / "homes" / "{username}")
c.Spawner.default_url = "/lab"
c.Spawner.notebook_dir = "~"
if ON_CLUSTER:
    # Pods come back to the hub at an address of this machine; homes are volumes.
    c.JupyterHub.hub_ip = c.JupyterHub.hub_connect_ip = os.environ["DEMO_HUB_IP"]
    c.KubeSpawner.namespace = os.environ["DEMO_NAMESPACE"]
    c.KubeSpawner.image = os.environ["DEMO_IMAGE"]
    c.KubeSpawner.image_pull_policy = "IfNotPresent"
    c.KubeSpawner.storage_pvc_ensure = True
    c.KubeSpawner.storage_capacity = "1Gi"
    claim = {"claimName": "{pvc_name}"}
    c.KubeSpawner.volumes = {"home": {"name": "home", "persistentVolumeClaim": claim}}
    c.KubeSpawner.volume_mounts = {"home": {"name": "home", "mountPath": "/home/jovyan"}}
elif os.geteuid() == 0:  # in a container, as a rule; notebook servers want to be told
    c.Spawner.args = ["--allow-root"]

print(
    f"""
  Demo University: {ADDRESS}      everybody's password: demo

    tea    teacher of Machine Learning, student of Programming for All
    asa    assistant in Machine Learning
    stu, sue, sam    students of Machine Learning: two GPUs for the three of them
    ian    teacher of Programming for All        ina    a student there
    vera   teacher of Computer Vision, which was last term
    ola    may look on in Machine Learning       nils   is in no course
    admin  site administrator

  Start GPU notebooks as stu and sue, then as sam: the third is refused and told why.
  Then log in as tea, open "My courses" and stop one of the two.
"""
)
