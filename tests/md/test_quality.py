"""The quality gate on series whose answer is known."""

import numpy as np
import pytest

from md.errors import NotEquilibrated
from md.quality import Finding, Samples, assess, refuse

N = 400


def samples(temperature: float = 300.0, density: float = 1.0, drift: float = 0.0, energy_drift: float = 0.0) -> Samples:
    rng = np.random.default_rng(4)
    time = np.linspace(0.0, 1.0, N)
    return Samples(
        temperature + 4.0 * rng.normal(size=N),
        -50_000.0 + 100.0 * rng.normal(size=N) + energy_drift * time,
        density + drift * time + 0.002 * rng.normal(size=N),
    )


def unsound(found: Samples, *, max_force: float = 500.0, rmsd_nm: float = 0.02) -> list[str]:
    findings = assess(found, target_kelvin=300.0, max_force=max_force, force_limit=1000.0, rmsd_nm=rmsd_nm)
    return [finding.code for finding in findings if not finding.sound]


def test_a_sound_system_passes():
    assert unsound(samples()) == []
    refuse(assess(samples(), target_kelvin=300.0, max_force=500.0, force_limit=1000.0, rmsd_nm=0.02))


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"temperature": 304.0}, ["temperature"]),
        ({"temperature": 302.0}, []),
        ({"density": 0.96}, ["density"]),
        ({"density": 1.07}, ["density"]),
        ({"density": 1.05}, []),
        ({"drift": 0.03}, ["density_drift"]),  # half of it in the half that is judged
        ({"drift": 0.01}, []),
        ({"energy_drift": -2000.0}, ["energy_drift"]),
        ({"energy_drift": -100.0}, []),
    ],
)
def test_each_number_has_its_limit(change: dict, codes: list[str]):
    assert unsound(samples(**change)) == codes


def test_forces_and_restrained_atoms():
    assert unsound(samples(), max_force=1001.0) == ["minimised_force"]
    assert unsound(samples(), rmsd_nm=0.11) == ["restrained_rmsd"]


def test_the_warming_in_the_first_half_is_not_judged():
    found = samples()
    found.temperature_kelvin[: N // 2] -= 150.0
    assert unsound(found) == []


def test_correlated_samples_widen_the_limit():
    """The same mean off by 4 K: an error in independent samples, none where they are worth three."""
    rng = np.random.default_rng(1)
    slow = np.repeat(rng.normal(size=8), N // 8)
    slow -= slow[N // 2 :].mean()
    slow *= 6.0 / slow[N // 2 :].std()
    found = Samples(304.0 + slow, samples().potential_kj_mol, np.empty(0))
    assert unsound(found) == []
    assert unsound(samples(temperature=304.0)) == ["temperature"]


def test_without_a_box_there_is_no_density_and_few_samples_say_nothing():
    full = samples()
    dry = Samples(full.temperature_kelvin, full.potential_kj_mol, np.empty(0))
    codes = [f.code for f in assess(dry, target_kelvin=300.0, max_force=1.0, force_limit=2.0, rmsd_nm=0.0)]
    assert codes == ["minimised_force", "restrained_rmsd", "temperature", "energy_drift"]
    few = Samples(full.temperature_kelvin[:10], full.potential_kj_mol[:10], np.empty(0))
    assert len(assess(few, target_kelvin=300.0, max_force=1.0, force_limit=2.0, rmsd_nm=0.0)) == 2


def test_a_refusal_has_all_numbers_and_the_first_code():
    findings = [
        Finding("density", 0.05, 0.045, "density 0.965 g/mL, limits 0.97 to 1.06"),
        Finding("temperature", 1.0, 3.0, "fine"),
        Finding("energy_drift", 2.0, 1.0, "potential energy drifts by 2, limit 1 kJ/mol"),
    ]
    with pytest.raises(NotEquilibrated, match=r"density 0\.965 g/mL.*; potential energy drifts by 2") as caught:
        refuse(findings)
    assert caught.value.code == "density"
    assert "fine" not in str(caught.value)
    assert 'quality_gate = "report"' in caught.value.__notes__[0]
