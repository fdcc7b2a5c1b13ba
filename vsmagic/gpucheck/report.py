"""A report as a table for the terminal, and as a section of Markdown for docs/gpu.md."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from vsmagic.errors import OutputError
from vsmagic.files import write_atomically
from vsmagic.gpucheck.record import Agreement, Builder, Peak, Reference, Report, Result, Speed, Survey

MARK = "<!-- gpu-check writes its results below this line, the newest first -->"

_Row = Sequence[str]
_MEBI = 2**20
_LONGEST = 160


def share(result: Result, results: Iterable[Result]) -> float | None:
    """Return which part of the device's matrix peak, in the case's own precision, a speed is; None if unknown."""
    results = list(results)
    peaks = next((one.figures for one in results if isinstance(one.figures, Peak)), None)
    network = _reference(result.case.model, results)
    if not isinstance(result.figures, Speed) or peaks is None or network is None:
        return None
    flops = network.flops.get("{}x{}".format(*result.case.size))
    rate = peaks.tflops.get(result.case.precision)
    return flops * result.figures.fps / (rate * 1e12) if flops and rate else None


def _reference(model: str, results: Iterable[Result]) -> Reference | None:
    found = (one.figures for one in results if one.case.model == model and isinstance(one.figures, Reference))
    return next(found, None)


def text(report: Report) -> str:
    """Return a report as plain tables."""
    parts = [_head(report)]
    for title, head, rows in _tables(report):
        parts.append(f"{title}\n\n{_aligned([head, *rows])}")
    return "\n\n".join(parts) + "\n"


def markdown(report: Report) -> str:
    """Return a report as a section of Markdown, dated and naming the card."""
    parts = [f"## {report.device.name}, {report.started[:10]}", _head(report)]
    for title, head, rows in _tables(report):
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
        parts.append(f"### {title}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def insert(path: Path, section: str) -> None:
    """Put a section into a page, below its mark.

    Raises:
        OutputError: the page cannot be read or written, or has no mark.
    """
    try:
        page = path.read_text(encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}).") from error
    before, mark, after = page.partition(MARK)
    if not mark:
        raise OutputError(f"{path}: has no line '{MARK}'; add it where results are to go.")
    write_atomically(path, f"{before}{mark}\n\n{section.rstrip()}\n{after}".encode())


def _head(report: Report) -> str:
    device = report.device
    card = f"{device.name}"
    if device.capability:
        card += f", compute capability {device.capability}, {device.memory / 2**30:.0f} GiB, driver {device.driver}"
    state = "" if report.complete else " Stopped before its end."
    peaks = next((one.figures for one in report.results if isinstance(one.figures, Peak)), None)
    rates = "Matrix peak: not measured."
    if peaks is not None:
        named = ", ".join(f"{name} {rate:.3g}" for name, rate in peaks.tflops.items())
        rates = f"Matrix peak by PyTorch {peaks.torch}, side {peaks.matrix}, TFLOP/s: {named}."
        if peaks.upload and peaks.download:
            rates += f" Copies: {peaks.upload:.1f} GB/s up, {peaks.download:.1f} GB/s down."
    return (
        f"{card}. {report.machine}. vsmagic {report.vsmagic}, {report.started} UTC, {report.elapsed:.0f} s of "
        f"{report.budget:.0f} s.{state}\n{rates}"
    )


def _tables(report: Report) -> Iterable[tuple[str, _Row, list[_Row]]]:
    results = report.results
    yield from (table for table in (_backends(results), _models(results), _builders(results)) if table[2])
    agreements: list[_Row] = [_agreement(one) for one in results if isinstance(one.figures, Agreement)]
    if agreements:
        head = ["model", "precision", "backend", "largest /255", "mean /255", "PSNR dB"]
        yield "Agreement with the reference", head, agreements
    for clip, title in (("network", "From pictures ready for the network"), ("video", "From video to video (10 bit)")):
        rows: list[_Row] = [
            _speed(one, results) for one in results if one.case.clip == clip and isinstance(one.figures, Speed)
        ]
        if rows:
            head = [
                "model",
                "input",
                "precision",
                "backend",
                "streams",
                "fps",
                "halves",
                "of peak",
                "VRAM MiB",
                "start s",
            ]
            yield f"{title}: frames a second", head, rows
    left: list[_Row] = [[one.case.id, one.status, _short(one.reason)] for one in _rest(results)]
    if left:
        yield "What gave no figure", ["case", "how", "why"], left


def _backends(results: Iterable[Result]) -> tuple[str, _Row, list[_Row]]:
    rows: list[_Row] = [
        [found.name, "yes" if found.runs else "no", found.version or _short(found.trouble)]
        for one in results
        if isinstance(one.figures, Survey)
        for found in one.figures.backends
    ]
    return "Backends", ["backend", "can run", "version, or why not"], rows


def _models(results: Iterable[Result]) -> tuple[str, _Row, list[_Row]]:
    rows: list[_Row] = []
    for one in results:
        if isinstance(one.figures, Reference):
            counted = ", ".join(f"{size}: {flops / 1e9:.4g}" for size, flops in one.figures.flops.items())
            rows.append([one.case.model, one.figures.source, counted, one.figures.by])
    return "Models", ["model", "weights", "GFLOP a frame", "reference by"], rows


def _builders(results: Iterable[Result]) -> tuple[str, _Row, list[_Row]]:
    rows: list[_Row] = []
    for one in results:
        if isinstance(one.figures, Builder):
            rows.append([one.figures.library, "not named", one.figures.unnamed])
            rows.append([one.figures.library, one.figures.capability, one.figures.named])
    return "What the engine builder answers to this card", ["library", "capability", "answer"], rows


def _agreement(one: Result) -> _Row:
    figures = one.figures
    if not isinstance(figures, Agreement):
        raise TypeError(f"{one.case.id}: is no agreement")
    psnr = "identical" if figures.psnr is None else f"{figures.psnr:.1f}"
    names = [one.case.model, one.case.precision, one.case.backend]
    return [*names, f"{figures.largest:.4f}", f"{figures.mean:.5f}", psnr]


def _speed(one: Result, results: Iterable[Result]) -> _Row:
    figures, case = one.figures, one.case
    if not isinstance(figures, Speed):
        raise TypeError(f"{case.id}: is no speed")
    part = share(one, results)
    return [
        case.model, "{}x{}".format(*case.size), case.precision, case.backend, str(case.streams),
        f"{figures.fps:.4g}", f"{figures.halves[0]:.4g}, {figures.halves[1]:.4g}",
        "" if part is None else f"{part:.1%}", "" if one.vram is None else f"{one.vram / _MEBI:.0f}",
        f"{figures.start:.1f}",
    ]  # fmt: skip


def _rest(results: Iterable[Result]) -> list[Result]:
    """Return what gave no figure; one result for all cases of a backend and kind that share a reason."""
    found: dict[tuple[str, str, str, str], Result] = {}
    for one in results:
        if one.status != "ok":
            key = (one.case.kind, one.case.backend, one.status, one.reason)
            found.setdefault(key if one.status == "not run" and one.reason != "time" else (one.case.id, *key[:3]), one)
    return list(found.values())


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _aligned(rows: Sequence[_Row]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
