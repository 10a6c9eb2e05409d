"""What runs on a Ray cluster: the benchmark, of whose two nodes one is lost half-way, and a comparison of losses."""

import json
import os
import sys
import threading
import time

import pytest

from experiments.__main__ import main
from tests.material.benchmarks import PEERS
from tests.material.trees import make_otb

PEER = "peers_of_test:Slow"


def arguments(tmp_path, output, *more):
    options = ["--dataset", "folder", "--root", str(tmp_path / "root"), "--trackers", PEER]
    return ["benchmark", *options, "--output", str(tmp_path / output), *more]


def files(tmp_path, output):
    folder = tmp_path / output / "results" / "folder" / "Slow"
    return {path.name: path.read_bytes() for path in folder.glob("*.txt")}, {
        p.name for p in folder.rglob("*")
    }


@pytest.fixture
def tree(tmp_path, monkeypatch):
    (tmp_path / "peers_of_test.py").write_text(PEERS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)  # what the nodes inherit
    for index in range(8):
        make_otb(tmp_path / "root", f"s{index}", frames=200)


@pytest.mark.slow
def test_a_node_lost_half_way_costs_nothing(tmp_path, tree):
    ray = pytest.importorskip("ray", reason="Ray is not installed (requirements-cluster.txt)")
    from ray.cluster_utils import Cluster

    assert main(arguments(tmp_path, "local")) == 0
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        doomed = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        done = tmp_path / "ray" / "results" / "folder" / "Slow"

        def lose_a_node():
            while len(list(done.glob("s*.txt"))) < 2:
                time.sleep(0.02)
            cluster.remove_node(doomed, allow_graceful=False)

        thread = threading.Thread(target=lose_a_node, daemon=True)
        thread.start()
        assert main(arguments(tmp_path, "ray", "--engine", "ray", "--address", cluster.address)) == 0
        thread.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert files(tmp_path, "ray") == files(tmp_path, "local")


@pytest.mark.slow
def test_ray_on_this_machine_and_a_tracker_that_hangs(tmp_path, tree):
    pytest.importorskip("ray", reason="Ray is not installed (requirements-cluster.txt)")
    make_otb(tmp_path / "root", "s0")
    more = ["--engine", "ray", "--workers", "2", "--sequences", "s0,s1", "--timeout", "2"]
    given = arguments(tmp_path, "ray", *more)
    given[given.index(PEER)] = "identity,peers_of_test:Hangs"
    assert main(given) == 1
    folder = tmp_path / "ray" / "results" / "folder"
    assert "no answer within 2 s" in (folder / "Hangs" / "failures.json").read_text()
    assert len(list((folder / "identity").glob("s*.txt"))) == 2


def test_without_ray_one_line_says_what_to_install(tmp_path, tree, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(arguments(tmp_path, "ray", "--engine", "ray")) == 2
    assert "--engine ray needs Ray: pip install -r requirements-cluster.txt" in capsys.readouterr().err


@pytest.mark.slow
def test_a_comparison_on_ray_is_the_local_one(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (requirements-cluster.txt)")
    few = ["--losses", "l2", "shrinkage", "--seeds", "1", "--quick", "--steps", "4", "--frames", "3"]

    def measured(engine):
        folder = tmp_path / engine
        assert main(["compare", *few, "--engine", engine, "--output", str(folder)]) == 0
        units = {file.name: json.loads(file.read_text()) for file in (folder / "units").iterdir()}
        return {name: [unit.get(key) for key in ("score", "clips", "probes")] for name, unit in units.items()}

    found = measured("ray")
    assert len(found) == 16
    assert found == measured("local")
