"""What the machines of a cluster can hold, those present and those an autoscaler may add."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, inf
from pathlib import Path

from screening.errors import InvalidInput
from screening.task import Resources

__all__ = ["CLUSTER_CONFIG", "Capacity", "Machines", "declared_capacity", "ray_capacity", "ray_demand"]

CLUSTER_CONFIG = "SCREENING_CLUSTER_CONFIG"
GIB = 2**30


def ray_demand(resources: Resources) -> dict[str, float]:
    """Return what a task asks of Ray: ``CPU``, ``GPU`` where it needs one, and ``memory`` in bytes."""
    demand = {"CPU": float(resources.cpus), "memory": resources.memory_gib * GIB}
    return {**demand, "GPU": resources.gpus} if resources.gpus else demand


@dataclass(frozen=True)
class Machines:
    """Machines of one kind.

    Attributes
    ----------
    count : int
        How many there are, or can be.
    resources : mapping of str to float
        What each offers, in Ray's words.
    """

    count: int
    resources: Mapping[str, float]

    def slots(self, demand: Mapping[str, float]) -> int:
        """Return how many tasks of a demand run on all of them at once."""
        each = min(self.resources.get(name, 0.0) / amount if amount else inf for name, amount in demand.items())
        return self.count * floor(each + 1e-6)


@dataclass(frozen=True)
class Capacity:
    """The machines of a cluster.

    Attributes
    ----------
    machines : tuple of Machines
        By kind.
    autoscaled : bool
        Whether these are what an autoscaler may start; without one, they are what runs.
    """

    machines: tuple[Machines, ...]
    autoscaled: bool = False

    def total(self, name: str) -> float:
        """Return how much of a resource there is in all."""
        return sum(kind.count * kind.resources.get(name, 0.0) for kind in self.machines)

    def slots(self, resources: Resources) -> int:
        """Return how many such tasks run at once where nothing else does."""
        return sum(kind.slots(ray_demand(resources)) for kind in self.machines)

    def refusal(self, resources: Resources) -> str | None:
        """Return why no machine can ever run such a task; None where one can."""
        if self.slots(resources):
            return None
        demand = ray_demand(resources)
        biggest = {name: max((kind.resources.get(name, 0.0) for kind in self.machines), default=0.0) for name in demand}
        lacking = [name for name, amount in demand.items() if amount > biggest[name] + 1e-6] or list(demand)
        asked = ", ".join(_amount(name, demand[name]) for name in lacking)
        offered = ", ".join(_amount(name, biggest[name]) for name in lacking)
        where = "no node type that the autoscaler may start" if self.autoscaled else "no node of this cluster"
        return f"a task asks for {asked}; {where} offers more than {offered}"


def ray_capacity() -> Capacity:
    """Return the machines of the cluster this process is connected to.

    Ray does not tell what its autoscaler may start. The environment variable ``SCREENING_CLUSTER_CONFIG`` names the
    file that does: ``cluster.yaml``, or any YAML with ``available_node_types``.

    Raises
    ------
    InvalidInput
        The file is absent or has no node types.
    """
    config = os.environ.get(CLUSTER_CONFIG)
    return declared_capacity(Path(config).expanduser()) if config else present_capacity()


def present_capacity() -> Capacity:
    """Return the machines that run."""
    import ray

    return Capacity(tuple(Machines(1, node["Resources"]) for node in ray.nodes() if node["Alive"]))


def declared_capacity(path: Path) -> Capacity:
    """Return the machines that a cluster configuration allows; see `ray_capacity`."""
    import yaml

    cure = f"correct {CLUSTER_CONFIG}, or unset it where no autoscaler runs"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{CLUSTER_CONFIG}={path}: cannot be read: {error}", cure=cure) from None
    types = config.get("available_node_types") if isinstance(config, dict) else None
    if not types:
        raise InvalidInput(f"{CLUSTER_CONFIG}={path}: has no available_node_types", cure=cure)
    kinds = []
    for name, kind in types.items():
        count = 1 if name == config.get("head_node_type") else kind.get("max_workers", config.get("max_workers", 2))
        resources = {resource: float(amount) for resource, amount in kind["resources"].items()}
        kinds.append(Machines(count, {"memory": inf, **resources}))
    return Capacity(tuple(kinds), autoscaled=True)


def _amount(name: str, amount: float) -> str:
    return f"{amount / GIB:.3g} GiB memory" if name == "memory" else f"{amount:g} {name}"
