"""What a run has found: as JSON with every sample, for plots, and as a page of Markdown with the ratios."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import orjson

from benchmarks.further import Figure
from benchmarks.latency import Latency
from benchmarks.throughput import Throughput
from benchmarks.usage import QUIET_CORES

TARGET_PLAIN: Final = 2.0
TARGET_BARE: Final = 0.6
TARGET_P99_MS: Final = 100.0
TARGET_MEMORY: Final = 1.10
_MIB: Final = 1024 * 1024


@dataclass(slots=True)
class Report:
    """Everything found so far; a run that is cut short still has one."""

    command: str
    environment: dict[str, str]
    titles: dict[str, str] = field(default_factory=dict)
    pilots: list[Throughput] = field(default_factory=list)
    runs: list[Throughput] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    memory: Throughput | None = None
    further: list[Figure] = field(default_factory=list)
    plots: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def of(self, system: str) -> list[Throughput]:
        """Return a system's runs."""
        return [run for run in self.runs if run.system == system]

    def systems(self) -> list[str]:
        """Name the systems measured, in the order of their first run."""
        return list(dict.fromkeys(run.system for run in self.runs))

    def fastest(self, system: str) -> float:
        """Give the highest rate of a system."""
        return max(run.rate for run in self.of(system))

    def disturbance(self, repetition: int) -> float:
        """Say how many cores programs took that are no part of the measurement, on average over a repetition."""
        runs = [run for run in self.runs if run.repetition == repetition]
        return sum(run.cpu.strangers for run in runs) / sum(run.seconds for run in runs)

    @property
    def quietest(self) -> int:
        """The repetition that was disturbed least: targets are judged by it."""
        return min({run.repetition for run in self.runs}, key=self.disturbance)

    def ratio(self, system: str, peer: str | None, repetition: int) -> float | None:
        """Compare a system with a peer within one repetition: what disturbs the machine disturbs neighbours alike, more or less."""
        ours = next((run.rate for run in self.of(system) if run.repetition == repetition), None)
        theirs = next((run.rate for run in self.of(peer) if run.repetition == repetition), None) if peer else None
        return ours / theirs if ours is not None and theirs is not None else None

    @property
    def plain(self) -> str | None:
        """The chosen variant of peer A."""
        return next((name for name in self.systems() if name.startswith("plain")), None)


def write(report: Report, folder: Path) -> None:
    """Write report.json and report.md."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "command": report.command,
        "environment": report.environment,
        "titles": report.titles,
        "pilots": [_run(run) for run in report.pilots],
        "runs": [_run(run) for run in report.runs],
        "latencies": [asdict(one) for one in report.latencies],
        "memory": _run(report.memory) if report.memory else None,
        "further": [asdict(one) for one in report.further],
        "remarks": report.remarks,
    }
    (folder / "report.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    (folder / "report.md").write_text(markdown(report))


def _run(run: Throughput) -> dict[str, object]:
    return {**asdict(run), "rate": run.rate}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table that reads well as plain text too; the first column is text, the others are figures."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [[head[0].ljust(widths[0]), *(name.rjust(width) for name, width in zip(head[1:], widths[1:], strict=True))]]
    lines.append(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    lines += [[row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown(report: Report) -> str:
    """Write the page."""
    parts = [
        "# Speed",
        f"`{report.command}`",
        "One order placed beforehand and one Pix each, all waiting in the queue. Rate: captures whose last event was confirmed per second, "
        "from the first delivery taken to an empty outbox. Broker, database and system on this machine, quorum queues, fsync and "
        "synchronous_commit on. Ratios compare runs of one repetition.",
    ]
    if report.runs:
        parts += [_quietest(report), _repetitions(report)]
    if report.pilots:
        pilots = ", ".join(f"{run.system} {run.rate:,.0f}/s" for run in report.pilots)
        parts.append(f"Pilot that chose peer A's prefetch, {report.pilots[0].messages:,} messages: {pilots}.")
    if report.latencies:
        head = ["latency at a quarter of its rate", "rate/s", "messages", "p50 ms", "p90 ms", "p99 ms", "max ms", "sender late p99 ms"]
        parts.append(table(head, [_latency_row(report, one) for one in report.latencies]))
    if memory := _memory_rows(report):
        parts.append(table(["resident memory", "after a tenth, MiB", "at the end, MiB", "messages", "growth"], memory))
    if report.further:
        parts.append(
            table(["also measured, one run each", "value", "unit", "to one worker alone"], [_further_row(one) for one in report.further])
        )
    if targets := _targets(report):
        parts.append("\n".join(targets))
    parts += [f"![{name.removesuffix('.png')}]({name})" for name in report.plots]
    parts.append("\n".join(f"- {remark}" for remark in report.remarks))
    parts.append("\n".join(f"- {name}: {value}" for name, value in report.environment.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def _further_row(one: Figure) -> list[str]:
    ratio = "" if one.beside is None else f"{one.value / one.beside:.2f}"
    return [f"{one.group}: {one.what}", f"{one.value:,.0f}", one.unit, ratio]


def _quietest(report: Report) -> str:
    quietest = report.quietest
    lead = (
        f"The least disturbed repetition is number {quietest + 1}: other programs took {report.disturbance(quietest):.2f} cores meanwhile."
    )
    rows = []
    for system in report.systems():
        run = next((one for one in report.of(system) if one.repetition == quietest), None)
        if run is None:
            continue
        cpu = [getattr(run.cpu, who) / run.messages * 1000 for who in ("system", "database", "broker")]
        rows.append(
            [
                report.titles.get(system, system),
                f"{run.rate:,.0f}",
                _one(report.ratio(system, report.plain, quietest)),
                _one(report.ratio(system, "bare", quietest)),
                *(f"{one:.2f}" for one in (sum(cpu), *cpu)),
            ]
        )
    head = ["system", "rate/s", "of A", "of B", "CPU ms/capture", "its own", "database", "broker"]
    return f"{lead}\n\n{table(head, rows)}"


def _verdict(report: Report, met: bool) -> str:
    if report.disturbance(report.quietest) > QUIET_CORES:
        return "not judged, the machine was busy"
    return "met" if met else "NOT met"


def _repetitions(report: Report) -> str:
    rows = []
    for repetition in sorted({run.repetition for run in report.runs}):
        for run in (run for run in report.runs if run.repetition == repetition):
            ratios = [_one(report.ratio(run.system, peer, repetition)) for peer in (report.plain, "bare")]
            others = f"{run.cpu.strangers / run.seconds:.2f}"
            title = f"{repetition + 1}: {report.titles.get(run.system, run.system)}"
            rows.append([title, f"{run.messages:,}", f"{run.seconds:.1f}", f"{run.rate:,.0f}", *ratios, others])
    return table(["every run, in its order", "messages", "s", "rate/s", "of A", "of B", "others' cores"], rows)


def _one(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _latency_row(report: Report, one: Latency) -> list[str]:
    figures = (one.p50_ms, one.p90_ms, one.p99_ms, one.max_ms, one.late_p99_ms)
    return [report.titles.get(one.system, one.system), f"{one.rate:,.0f}", f"{one.messages:,}", *(f"{figure:.1f}" for figure in figures)]


def _memory_rows(report: Report) -> list[list[str]]:
    rows = []
    last = {run.system: run for run in report.runs}
    for run in [*last.values(), *([report.memory] if report.memory else [])]:
        early, end = run.resident_after(run.messages // 10), run.timeline[-1].resident_bytes
        title = report.titles.get(run.system, run.system)
        rows.append([title, f"{early / _MIB:.0f}", f"{end / _MIB:.0f}", f"{run.messages:,}", f"{end / early - 1:+.0%}"])
    return rows


def _targets(report: Report) -> list[str]:
    hub = next((name for name in report.systems() if name == "hub"), None)
    if hub is None:
        return []
    lines = []
    for what, peer, wanted in (
        (f"at least {TARGET_PLAIN:g}x the plain handler", report.plain, TARGET_PLAIN),
        (f"at least {TARGET_BARE:.0%} of the ceiling", "bare", TARGET_BARE),
    ):
        value = report.ratio(hub, peer, report.quietest)
        if value is not None:
            lines.append(f"- {what}: {_verdict(report, value >= wanted)}, {value:.2f} in the least disturbed repetition")
    for one in report.latencies:
        if one.system == hub:
            met = "met" if one.p99_ms < TARGET_P99_MS else "NOT met"
            lines.append(f"- p99 under {TARGET_P99_MS:g} ms at a quarter of the rate: {met}, {one.p99_ms:.1f} ms")
    if report.memory:
        growth = report.memory.timeline[-1].resident_bytes / report.memory.resident_after(report.memory.messages // 10)
        met = "met" if growth <= TARGET_MEMORY else "NOT met"
        lines.append(f"- resident memory after {report.memory.messages:,} within 10% of that after a tenth: {met}, {growth - 1:+.0%}")
    return lines
