import pytest

from screening.cluster.capacity import Capacity, Machines, declared_capacity, ray_demand
from screening.errors import InvalidInput
from screening.task import Resources

GIB = 2**30
FOLD = Machines(3, {"CPU": 8.0, "GPU": 1.0, "memory": 32.0 * GIB})
PLAIN = Machines(2, {"CPU": 16.0, "memory": 64.0 * GIB})
BOTH = Capacity((FOLD, PLAIN))


def test_demand_is_in_the_units_of_ray():
    assert ray_demand(Resources(cpus=2, memory_gib=1.5)) == {"CPU": 2.0, "memory": 1.5 * GIB}
    assert ray_demand(Resources(gpus=0.5))["GPU"] == 0.5


def test_slots_are_counted_machine_by_machine():
    assert BOTH.slots(Resources(cpus=1, gpus=1)) == 3
    assert BOTH.slots(Resources(cpus=1, gpus=0.5)) == 6
    assert BOTH.slots(Resources(cpus=1, gpus=0.6)) == 3  # 0.4 of each GPU is of no use
    assert BOTH.slots(Resources(cpus=5)) == 3 * 1 + 2 * 3
    assert BOTH.slots(Resources(cpus=1, memory_gib=20)) == 3 * 1 + 2 * 3
    assert BOTH.total("GPU") == 3
    assert BOTH.total("CPU") == 56


def test_what_fits_nowhere_is_refused_with_numbers():
    assert BOTH.refusal(Resources(cpus=1, gpus=1)) is None
    assert (
        BOTH.refusal(Resources(cpus=1, gpus=2))
        == "a task asks for 2 GPU; no node of this cluster offers more than 1 GPU"
    )
    assert "128 GiB memory" in str(BOTH.refusal(Resources(memory_gib=128)))
    assert Capacity((PLAIN,)).refusal(Resources(gpus=1)) is not None
    assert Capacity(()).refusal(Resources()) is not None


def test_what_no_single_machine_has_together_is_refused():
    assert BOTH.refusal(Resources(cpus=16, gpus=1)) is not None


def test_declared_capacity_is_what_the_autoscaler_may_start(tmp_path):
    config = tmp_path / "cluster.yaml"
    config.write_text(
        "max_workers: 6\nhead_node_type: head\navailable_node_types:\n"
        "  head: {resources: {CPU: 0}, max_workers: 0}\n"
        f"  fold: {{resources: {{CPU: 8, GPU: 1, memory: {32 * GIB}}}, max_workers: 4}}\n"
        "  cpu: {resources: {CPU: 16}}\n"
    )
    capacity = declared_capacity(config)
    assert capacity.autoscaled
    assert capacity.slots(Resources(gpus=1)) == 4
    assert capacity.total("CPU") == 4 * 8 + 6 * 16
    assert capacity.slots(Resources(cpus=1, memory_gib=1000)) == 6 * 16  # says nothing of memory: taken to suffice
    assert "node type" in str(capacity.refusal(Resources(gpus=2)))


@pytest.mark.parametrize("text", ["", "a: [", "available_node_types: {}"])
def test_unusable_declaration_names_its_file(tmp_path, text):
    config = tmp_path / "cluster.yaml"
    config.write_text(text)
    with pytest.raises(InvalidInput, match=r"cluster\.yaml"):
        declared_capacity(config)


def test_absent_declaration(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        declared_capacity(tmp_path / "none.yaml")
