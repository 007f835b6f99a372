"""Summaries of scores, and the table."""

from __future__ import annotations

import math

import pytest

from adain_core.evaluation import Scores, markdown_table, summarize


def test_means() -> None:
    one = Scores(
        target=1, style=2, content=3, ssim=0.5, reconstruction=20, balanced=1, percept=4, palette=5
    )
    two = Scores(3, 4, 3, 5, 6, 7, 0.7, checkerboard=0.1, noise=3, reconstruction=30, halo=5)
    summary = summarize([one, two])
    expected = {"target": 2, "style": 3, "balanced": 2, "content": 4, "percept": 5, "palette": 6}
    expected |= {
        "ssim": 0.6,
        "checkerboard": 0.1,
        "noise": 3,
        "reconstruction": 25,
        "halo": 5,
        "worst": 4,
    }
    assert {name: summary[name] for name in expected} == pytest.approx(expected)
    assert math.isnan(summary["jpeg"])
    # NaN is not left out.
    broken = summarize([Scores(target=math.nan, style=math.nan, checkerboard=0.1), one])
    assert math.isnan(broken["target"]) and math.isnan(broken["worst"])
    assert broken["checkerboard"] == 0.1


def test_halos_are_averaged_as_powers() -> None:
    assert summarize([Scores(halo=5), Scores(halo=-3)])["halo"] == pytest.approx(8**0.5)
    assert summarize([Scores(halo=-5), Scores(halo=3)])["halo"] == 0


def test_table() -> None:
    rows = {
        "full": {"target": 2.0, "style": 3.0, "ssim": 0.6, "halo": 44.4, "reconstruction": 25.0},
        "slim": {"target": 3.0, "style": 6.0, "ssim": 0.6, "halo": 11.1, "jpeg": math.nan},
    }
    assert markdown_table(rows, "full").splitlines() == [
        "| model | target | style | SSIM | halo | reconstruction |",
        "| --- | --- | --- | --- | --- | --- |",
        "| full | 2.000 | 3.000 | 0.600 | 44.4 | 25.0 dB |",
        "| slim | 3.000 (1.50×) | 6.000 (2.00×) | 0.600 | 11.1 (0.25×) | – |",
    ]
    assert "×" not in markdown_table(rows)
    assert markdown_table({"gray": {"ssim": -0.0004}}).splitlines()[-1] == "| gray | 0.000 |"
    # A reference of 0 has no ratios.
    assert "(" not in markdown_table({"one": {"halo": 0.0}, "two": {"halo": 3.0}}, "one")
