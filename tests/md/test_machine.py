"""What would run a protocol here, and the refusal where nothing does."""

from importlib.metadata import version

import pytest

from md.errors import NotCalibrated
from md.machine import this_machine
from md.platforms import platform_names
from md.settings import MdSettings


def test_a_processor_has_its_model_its_threads_and_single_precision():
    settings = MdSettings.smoke().model_copy(update={"threads": 2, "deterministic": False})
    found = this_machine(settings)
    assert (found.platform, found.precision, found.threads) == ("CPU", "single", 2)
    assert found.openmm == version("openmm")
    assert found.device
    assert this_machine(settings.model_copy(update={"platform": "Reference"})).platform == "Reference"


def test_a_platform_that_is_not_here_is_refused():
    absent = next(name for name in ("HIP", "CUDA", "OpenCL") if name not in platform_names())
    settings = MdSettings.smoke().model_copy(update={"platform": absent})
    with pytest.raises(NotCalibrated, match=f"platform {absent} does not run on this machine") as refused:
        this_machine(settings)
    assert refused.value.code == "uncalibrated"
    assert refused.value.__notes__[0].startswith("on one where it does, measure it: ")
