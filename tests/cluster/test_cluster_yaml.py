"""cluster.yaml against Ray's own schema and its own scheduler, without a cloud."""

import copy
from collections import Counter
from pathlib import Path

import pytest
import yaml

from screening.cluster.capacity import declared_capacity, ray_demand
from screening.screen import Screen
from screening.settings import ResourceOverride, ScreenSettings
from screening.stages import STAGES
from screening.task import Resources

CLUSTER = Path(__file__).resolve().parents[2] / "cluster.yaml"
GPU_STAGES = ("pretrain", "finetune", "attribution", "structure", "md")


@pytest.fixture(scope="module")
def config() -> dict:
    return yaml.safe_load(CLUSTER.read_text())


def validated(config: dict) -> dict:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(copy.deepcopy(config))
    validate_config(prepared)
    return prepared


def launched(config: dict, demands: list[dict[str, float]]) -> tuple[Counter[str], int]:
    """Machines the autoscaler would start for the demands, by type, and how many demands have no place."""
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.autoscaler.v2.utils import ResourceRequestUtil

    autoscaling = AutoscalingConfig(validated(config), skip_content_hash=True)
    requests = [ResourceRequestUtil.make(demand) for demand in demands]
    reply = ResourceDemandScheduler(None).schedule(
        SchedulingRequest(
            disable_launch_config_check=True,
            node_type_configs=autoscaling.get_node_type_configs(),
            max_num_nodes=autoscaling.get_max_num_nodes(),
            resource_requests=ResourceRequestUtil.group_by_count(requests),
        )
    )
    nodes = Counter({request.instance_type: request.count for request in reply.to_launch})
    return nodes, len(reply.infeasible_resource_requests)


def test_schema_accepts_it(config):
    validated(config)


def test_schema_refuses_a_typing_error(config):
    import jsonschema

    with pytest.raises(jsonschema.ValidationError, match="max_worker"):
        validated({**config, "max_worker": 3})
    wrong = copy.deepcopy(config)
    wrong["available_node_types"]["gpu-spot"]["resources"]["GPU"] = 0.5
    with pytest.raises(jsonschema.ValidationError):
        validated(wrong)
    with pytest.raises(ValueError, match="head_node_type"):
        validated({**config, "head_node_type": "heads"})


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_every_stage_has_a_place(config, tmp_path, stage):
    screen = Screen(ScreenSettings(), tmp_path, {})
    nodes, without = launched(config, [ray_demand(screen.resources(stage))])
    assert without == 0
    expected = "gpu-spot" if screen.resources(stage).gpus else "cpu-spot"
    assert nodes == {expected: 1}


@pytest.mark.parametrize("stage", GPU_STAGES)
def test_with_a_gpu_it_goes_to_gpu_machines(config, tmp_path, stage):
    settings = ScreenSettings(resources={stage: ResourceOverride(gpus=1)})
    demand = ray_demand(Screen(settings, tmp_path, {}).resources(stage))
    nodes, without = launched(config, [demand] * 5)
    assert without == 0
    assert nodes == {"gpu-spot": 5}
    assert launched(config, [{**demand, "GPU": 0.5}] * 4) == ({"gpu-spot": 2}, 0)


def test_two_gpus_for_one_task_are_not_to_be_had(config):
    resources = Resources(gpus=2)
    assert launched(config, [ray_demand(resources)]) == (Counter(), 1)
    assert "2 GPU" in str(declared_capacity(CLUSTER).refusal(resources))


def test_what_the_executor_believes_is_what_the_autoscaler_starts(config):
    capacity = declared_capacity(CLUSTER)
    one = Resources(cpus=1, gpus=1)
    nodes, _ = launched(config, [ray_demand(one)] * 100)
    assert nodes["gpu-spot"] == capacity.slots(one) == capacity.total("GPU") == 32


def test_head_runs_no_tasks_and_is_on_demand(config):
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"]["CPU"] == 0
    assert "InstanceMarketOptions" not in head["node_config"]
    workers = {name: kind for name, kind in config["available_node_types"].items() if name != config["head_node_type"]}
    assert {kind["min_workers"] for kind in workers.values()} == {0}
    assert {kind["node_config"]["InstanceMarketOptions"]["MarketType"] for kind in workers.values()} == {"spot"}
    assert sum(kind["max_workers"] for kind in workers.values()) <= config["max_workers"]


def test_nodes_ask_for_a_token_and_jobs_have_time_to_stop(config):
    head, worker = (" ".join(config[f"{role}_start_ray_commands"]) for role in ("head", "worker"))
    assert "RAY_AUTH_MODE=token" in head
    assert "RAY_AUTH_MODE=token" in worker
    assert "RAY_JOB_STOP_WAIT_TIME_S=30" in head
    assert "--dashboard-host=127.0.0.1" in head
    assert "SCREENING_CLUSTER_CONFIG=" in head
    assert "nightly" not in " ".join(config["setup_commands"])


def test_image_has_the_ray_of_this_project(config):
    import ray

    assert f"rayproject/ray:{ray.__version__}-py311-gpu" in CLUSTER.read_text()
    assert f"'{ray.__version__}'" in " ".join(config["setup_commands"])
