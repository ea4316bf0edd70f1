"""How fast a large bank file is read: `python -m benchmarks.bank_file [--titles N] [--replay] [--write FILE]`.

Measured per pass, each in a process of its own: reading the file line by line doing nothing, checking and cutting it, translating
its parts into facts; with --replay also `hub replay` of the whole file into a fresh database in memory, no order known. Peak memory
is the process's largest resident set, less that of a process that has only imported the same.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.contract import Facts, RawDelivery
from adapters.payments.cnab import ADAPTER
from hub.replay.pieces import pieces_of
from tests.bank_files import large_240

_NOW: Final = datetime(2026, 1, 23, 12, tzinfo=UTC)


def write(file: Path, titles: int) -> None:
    """Write a file of so many paid titles, line by line."""
    with file.open("wb") as stream:
        stream.writelines(large_240(titles))


def idle(file: Path) -> int:
    """Read the file line by line and do nothing."""
    count = 0
    with file.open("rb") as stream:
        for _ in stream:
            count += 1
    return count


def cutting(file: Path) -> int:
    """Check the whole file and find where to cut it."""
    assert ADAPTER.cut is not None
    with file.open("rb") as stream:
        return ADAPTER.cut(stream).items


def translating(file: Path) -> int:
    """Check, cut, and translate each part; facts are counted and dropped."""
    assert ADAPTER.cut is not None
    with file.open("rb") as stream:
        pieces = pieces_of(ADAPTER.cut(stream))
    facts = 0
    for piece in pieces:
        translation = ADAPTER.translate(RawDelivery(piece.read(file), piece.headers, _NOW, ADAPTER.name))
        assert isinstance(translation, Facts) and not translation.failed
        facts += len(translation.facts)
    return facts


def replaying(file: Path) -> int:
    """Run `hub replay` in this process."""
    from typer.testing import CliRunner

    from hub.cli.app import app

    result = CliRunner().invoke(app, ["replay", "--key", ADAPTER.name, "--quiet", str(file)], env={"HUB_ENV_FILE": ""})
    assert result.exit_code == 0, result.output
    sys.stderr.write(result.stdout)
    return 0


PASSES: Final = {"idle": idle, "cut": cutting, "translate": translating, "replay": replaying}


def measure(name: str, file: Path) -> dict[str, float]:
    """Run one pass in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.bank_file", "--pass", name, str(file)], capture_output=True, check=True)
    sys.stderr.buffer.write(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    """Write a file, measure the passes, print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--titles", type=int, default=100_000)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--write", type=Path, help="only write the file")
    parser.add_argument("--pass", nargs=2, dest="one", metavar=("PASS", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write is not None:
        write(options.write, options.titles)
        return
    if options.one is not None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun, cpu = time.perf_counter(), time.process_time()
        PASSES[options.one[0]](Path(options.one[1]))
        figures = {"s": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}
        figures["mib"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(json.dumps(figures))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "retorno.ret"
        write(file, options.titles)
        idle(file)  # into the page cache
        base = min((measure("idle", file) for _ in range(5)), key=lambda one: one["cpu_s"])
        print(f"{options.titles} titles, {file.stat().st_size / 1e6:.1f} MB; line by line doing nothing: {base['cpu_s']:.3f} s CPU")
        for name in ("cut", "translate", *(["replay"] if options.replay else [])):
            runs = [measure(name, file) for _ in range(1 if name == "replay" else 3)]
            best = min(runs, key=lambda one: one["cpu_s"])
            ratio = best["cpu_s"] / base["cpu_s"]
            print(f"{name}: {best['s']:.2f} s, {best['cpu_s']:.2f} s CPU, {ratio:.0f} times idle, peak +{best['mib']:.0f} MiB")


if __name__ == "__main__":
    main()
