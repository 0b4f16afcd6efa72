"""Is the system fit to start production? Numbers against limits, each with a name."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from md.errors import NotEquilibrated
from md.series import statistical_inefficiency

__all__ = ["Finding", "Samples", "assess", "refuse"]

Floats = NDArray[np.float64]

SEMS = 3.0  # standard errors by which a temperature may miss its target
TEMPERATURE_BIAS = 0.01  # of the target: the integrator's own error at 4 fs, where the standard error is smaller
DENSITY_G_ML = (0.97, 1.06)  # protein in water at 300 K and 1 bar: water 0.997, protein 1.35 at a few per cent
DENSITY_DRIFT = 0.01  # g/mL over the samples, where the standard error of the slope is smaller
ENERGY_DRIFT = 0.01  # of the potential energy over the samples, likewise
RESTRAINED_RMSD_NM = 0.1
FEWEST = 10  # samples below which nothing is said


@dataclass(frozen=True)
class Samples:
    """What is looked at while equilibrating, at equal intervals.

    Parameters
    ----------
    temperature_kelvin, potential_kj_mol : float64 (n,)
    density_g_ml : float64 (n,)
        Empty without a box.
    """

    temperature_kelvin: Floats
    potential_kj_mol: Floats
    density_g_ml: Floats


@dataclass(frozen=True)
class Finding:
    """One number against its limit.

    Parameters
    ----------
    code : str
        ``minimised_force``, ``temperature``, ``density``, ``density_drift``, ``energy_drift``, ``restrained_rmsd``.
    value, limit : float
        The number is sound where it is at most the limit.
    text : str
        Both in words, with units.
    """

    code: str
    value: float
    limit: float
    text: str

    @property
    def sound(self) -> bool:
        """Whether production may start as far as this number goes."""
        return self.value <= self.limit


def assess(
    samples: Samples, *, target_kelvin: float, max_force: float, force_limit: float, rmsd_nm: float
) -> tuple[Finding, ...]:
    """Judge an equilibrated system.

    Parameters
    ----------
    samples : Samples
        Of the last phase; its second half is judged.
    target_kelvin : float
        Of the thermostat.
    max_force, force_limit : float
        After minimisation, and what it was to fall below, kJ/mol/nm.
    rmsd_nm : float
        Of the restrained atoms from where they were held.

    Returns
    -------
    tuple of Finding
    """
    findings = [
        Finding(
            "minimised_force",
            max_force,
            force_limit,
            f"largest force after minimisation {max_force:.0f}, limit {force_limit:.0f} kJ/mol/nm",
        ),
        Finding(
            "restrained_rmsd",
            rmsd_nm,
            RESTRAINED_RMSD_NM,
            f"restrained atoms moved {rmsd_nm:.3f} nm, limit {RESTRAINED_RMSD_NM:g}",
        ),
    ]
    half = len(samples.temperature_kelvin) // 2
    temperature = samples.temperature_kelvin[half:]
    if len(temperature) < FEWEST:
        return tuple(findings)
    mean, sem = float(temperature.mean()), _sem(temperature)
    allowed = max(SEMS * sem, TEMPERATURE_BIAS * target_kelvin)
    findings.append(
        Finding(
            "temperature",
            abs(mean - target_kelvin),
            allowed,
            f"temperature {mean:.1f} ± {sem:.1f} K, target {target_kelvin:g} K within {allowed:.1f}",
        )
    )
    potential = samples.potential_kj_mol[half:]
    drift, error = _drift(potential)
    allowed = max(SEMS * error, ENERGY_DRIFT * abs(float(potential.mean())))
    findings.append(
        Finding(
            "energy_drift", abs(drift), allowed, f"potential energy drifts by {drift:.0f}, limit {allowed:.0f} kJ/mol"
        )
    )
    if len(samples.density_g_ml):
        findings += _density(samples.density_g_ml[half:])
    return tuple(findings)


def refuse(findings: Sequence[Finding]) -> None:
    """Fail where a number is not sound.

    Parameters
    ----------
    findings : sequence of Finding

    Raises
    ------
    NotEquilibrated
        With all numbers that are not sound.
    """
    if bad := [finding for finding in findings if not finding.sound]:
        raise NotEquilibrated(
            "production does not start: " + "; ".join(finding.text for finding in bad),
            code=bad[0].code,
            cure='lengthen equilibration_ps or minimise_iterations, or set quality_gate = "report" and look',
        )


def _density(density: Floats) -> list[Finding]:
    low, high = DENSITY_G_ML
    mean = float(density.mean())
    middle = (low + high) / 2.0
    drift, error = _drift(density)
    allowed = max(SEMS * error, DENSITY_DRIFT)
    return [
        Finding("density", abs(mean - middle), (high - low) / 2.0, f"density {mean:.3f} g/mL, limits {low} to {high}"),
        Finding("density_drift", abs(drift), allowed, f"density drifts by {drift:.3f}, limit {allowed:.3f} g/mL"),
    ]


def _sem(values: Floats) -> float:
    """Return the standard error of the mean of a correlated series."""
    return float(np.std(values, ddof=1)) * math.sqrt(statistical_inefficiency(values) / len(values))


def _drift(values: Floats) -> tuple[float, float]:
    """Return the change of a fitted line over the whole series, and its standard error."""
    n = len(values)
    x = np.linspace(-0.5, 0.5, n)
    slope = float(np.dot(x, values) / np.dot(x, x))
    rest = values - values.mean() - slope * x
    variance = float(np.dot(rest, rest)) / (n - 2) * statistical_inefficiency(rest)
    return slope, math.sqrt(variance / float(np.dot(x, x)))
