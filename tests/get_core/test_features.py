from get_core.features import ACCESSIBILITY, feature_names


def test_the_accessibility_comes_last_as_the_reference_writes_it() -> None:
    assert feature_names(["CTCF", "ZNF143"]) == ("CTCF", "ZNF143", "Accessibility")
    assert feature_names([]) == (ACCESSIBILITY,)
