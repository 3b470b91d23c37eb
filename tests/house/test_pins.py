"""The pinned lists install as they are, however old the pip and however new the packages on the index."""

from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LISTS = ("runtime", "dev")


def pins(name: str) -> dict[str, set[str]]:
    """Package → extras, as the list pins them."""
    lines = Path("requirements", f"{name}.txt").read_text().splitlines()
    pinned = [Requirement(line.rstrip("\\ ")) for line in lines if line and not line.startswith(" ")]
    return {canonicalize_name(pin.name): pin.extras for pin in pinned}


def required_by(package: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires(package) or []]
    except PackageNotFoundError:  # a package for another platform
        return []


@pytest.mark.parametrize("name", LISTS)
def test_extras_that_packages_ask_of_each_other_are_pinned_with_their_extras(name):
    # pip before 23.3 takes the newest `coverage[toml]`, not the pinned `coverage`, and then misses its hash
    pinned = pins(name)
    asked = [
        (package, need)
        for package, extras in pinned.items()
        for need in required_by(package)
        if need.extras and (not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in {"", *extras}))
    ]

    assert asked
    assert [
        f"{package} asks for {need.name}[{','.join(sorted(need.extras))}]"
        for package, need in asked
        if not need.extras <= pinned.get(canonicalize_name(need.name), set())
    ] == []


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_hold_hashes_and_no_address(name):
    text = Path("requirements", f"{name}.txt").read_text()

    assert text.count("--hash=sha256:") >= len(pins(name))
    assert "://" not in text
