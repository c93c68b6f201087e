import yaml

from jupyterhub_edu.spawner.convert import convert_profile_list

GPU = {
    "display_name": "GPU server",
    "description": "For training.",
    "kubespawner_override": {
        "cpu_limit": 4,
        "cpu_guarantee": 0.5,
        "mem_limit": "16G",
        "mem_guarantee": 1536 * 1024**2,
        "image": "registry.example/gpu:1",
        "extra_resource_limits": {"nvidia.com/gpu": "2"},
        "node_selector": {"pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "environment": {"A": "1"},
    },
}


def converted(*profiles):
    text = convert_profile_list(list(profiles))
    notes = [line for line in text.splitlines() if line.startswith("#")]
    return yaml.safe_load(text), notes


def test_a_profile_keeps_its_meaning():
    found, notes = converted(GPU)

    assert notes == []
    assert found == {
        "flavors": {
            "gpu": {
                "device": "nvidia.com/gpu",
                "nodes": {"pool": "gpu"},
                "tolerate": ["nvidia.com/gpu"],
            }
        },
        "profiles": {
            "gpu-server": {
                "title": "GPU server",
                "description": "For training.",
                "flavor": "gpu",
                "devices": 2,
                "cpu": {"guarantee": 0.5, "limit": 4},
                "memory": {"guarantee": "1536Mi", "limit": "16Gi"},
                "image": "registry.example/gpu:1",
                "kubespawner": {"environment": {"A": "1"}},
            }
        },
    }


def test_what_sits_on_the_same_nodes_is_one_flavor():
    found, _ = converted(GPU, {**GPU, "slug": "again"}, {"display_name": "Small"})

    assert list(found["flavors"]) == ["gpu", "cpu"]
    assert [p["flavor"] for p in found["profiles"].values()] == ["gpu", "gpu", "cpu"]


def test_options_become_options():
    images = {
        "display_name": "Image",
        "choices": {
            "py": {"display_name": "Python", "kubespawner_override": {"image": "py:1"}},
            "r": {
                "display_name": "R",
                "default": True,
                "kubespawner_override": {"image": "r:1", "mem_limit": "2G"},
            },
        },
    }

    found, _ = converted({**GPU, "profile_options": {"image": images}})

    assert found["profiles"]["gpu-server"]["options"] == {
        "image": {
            "title": "Image",
            "default": "r",
            "choices": {
                "py": {"title": "Python", "image": "py:1"},
                "r": {"title": "R", "memory": {"limit": "2Gi"}, "image": "r:1"},
            },
        }
    }


def test_what_cannot_be_taken_over_is_named():
    _, notes = converted(
        {
            "display_name": "Odd",
            "kubespawner_override": {"mem_limit": "1G", "default_url": lambda spawner: "/lab"},
            "profile_options": {
                "image": {"unlisted_choice": {"enabled": True}},
                "home": {"choices": {"b": {"kubespawner_override": {"working_dir": "/b"}}}},
            },
        }
    )

    assert notes == [
        "# odd, image: free text is not taken over; list choices",
        "# odd, home: a choice cannot set working_dir; make a profile",
        "# odd: default_url is a function, which a file cannot hold",
        "# odd: there is no cpu limit; a profile must have one",
    ]


def test_a_mapping_is_read_in_the_order_of_its_keys():
    text = convert_profile_list({"b": {"display_name": "B"}, "a": {"display_name": "A"}})

    assert list(yaml.safe_load(text)["profiles"]) == ["a", "b"]
