"""The report's pictures: PNG files that are made from what was measured, and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.further import Figure
from benchmarks.report import TARGET_BARE, TARGET_MEMORY, TARGET_P99_MS, TARGET_PLAIN, Report

_MIB: Final = 1024 * 1024
_COLORS: Final = {"plain": "#9aa0a6", "bare": "#5f6368", "hub": "#1a73e8", "hub-raw": "#e8710a"}
_OTHER: Final = "#188038"


def draw(report: Report, folder: Path) -> list[str]:
    """Draw what there is; return the files' names."""
    drawn = []
    for name, there, function in (
        ("rates.png", bool(report.runs), _rates),
        ("latency.png", bool(report.latencies), _latency),
        ("memory.png", bool(report.runs), _memory),
        ("further.png", bool(report.further), _further),
    ):
        if there:
            figure = function(report)
            figure.tight_layout()
            figure.savefig(folder / name, dpi=110)
            plt.close(figure)
            drawn.append(name)
    return drawn


def _color(system: str) -> str:
    return _COLORS.get(system.partition("-")[0] if system.startswith("plain") else system, _OTHER)


def _rates(report: Report) -> Any:
    """Every run as a dot, the least disturbed repetition as a bar, the targets as lines over the hub's bars."""
    figure, axes = plt.subplots(figsize=(8, 4.2))
    names = report.systems()
    quietest = report.quietest
    rates = {run.system: run.rate for run in report.runs if run.repetition == quietest}
    bars = axes.barh(
        [report.titles.get(name, name) for name in names], [rates.get(name, 0) for name in names], color=[_color(name) for name in names]
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=4)
    for run in report.runs:
        axes.plot(run.rate, names.index(run.system), "o", color="black", markersize=3)
    for peer, factor, label in ((report.plain, TARGET_PLAIN, f"{TARGET_PLAIN:g}x A"), ("bare", TARGET_BARE, f"{TARGET_BARE:.0%} of B")):
        if peer in rates:
            axes.axvline(rates[peer] * factor, color=_color(peer), linestyle="--", linewidth=1, label=f"target: {label}")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("captures per second (bar: least disturbed repetition, dots: all)")
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _latency(report: Report) -> Any:
    figure, axes = plt.subplots(figsize=(8, 4.2))
    for one in report.latencies:
        shares = [(index + 1) / (len(one.quantiles_ms) + 1) * 100 for index in range(len(one.quantiles_ms))]
        title = f"{report.titles.get(one.system, one.system)} at {one.rate:,.0f}/s"
        axes.plot(one.quantiles_ms, shares, color=_color(one.system), label=title)
    axes.axvline(TARGET_P99_MS, color="black", linestyle=":", linewidth=1)
    axes.axhline(99, color="black", linestyle=":", linewidth=1, label=f"target: p99 under {TARGET_P99_MS:g} ms")
    axes.set_xlabel("milliseconds from publish to order.status_changed at a consumer, at a quarter of the system's rate")
    axes.set_ylabel("% of messages")
    axes.set_xlim(left=0)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _memory(report: Report) -> Any:
    figure, axes = plt.subplots(figsize=(8, 4.2))
    last = {run.system: run for run in report.runs}
    for run in [report.memory] if report.memory else list(last.values()):
        thousands = [sample.events / 4_000 for sample in run.timeline]
        memory = [sample.resident_bytes / _MIB for sample in run.timeline]
        axes.plot(thousands, memory, color=_color(run.system), label=report.titles.get(run.system, run.system))
        if run is report.memory:
            base = run.resident_after(run.messages // 10) / _MIB
            axes.axhline(base * TARGET_MEMORY, color="black", linestyle=":", linewidth=1, label="10 % above that after a tenth")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("thousand captures so far")
    axes.set_ylabel("resident memory, MiB")
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _further(report: Report) -> Any:
    groups: dict[str, list[Figure]] = {}
    for one in report.further:
        groups.setdefault(one.group, []).append(one)
    figure, all_axes = plt.subplots(len(groups), 1, figsize=(8, 0.9 * len(groups) + 0.34 * len(report.further)), squeeze=False)
    for (title, figures), axes in zip(groups.items(), all_axes[:, 0], strict=True):
        _bars(axes, title, figures)
    return figure


def _bars(axes: Any, title: str, figures: Sequence[Figure]) -> None:
    bars = axes.barh([one.what for one in figures], [one.value for one in figures], color=_COLORS["hub"], height=0.6)
    axes.bar_label(bars, labels=[f"{one.value:,.0f} {one.unit}" for one in figures], padding=4, fontsize=8)
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axes.invert_yaxis()
    axes.margins(x=0.4)
    axes.tick_params(labelsize=8)
