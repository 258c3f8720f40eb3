"""R's projection pursuit regression as a peer: many fits in one R process (ppr.R)."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parts.common import read_numbers, run_rscript


@dataclass(frozen=True)
class Settings:
    """Options of R's ppr; terms is a number, or "cv" for 1 to max_terms by cross-validation."""

    terms: object
    max_terms: int
    smoother: str
    optlevel: int = 2  # R's default

    def __str__(self):
        return f"ppr {self.terms} of {self.max_terms} {self.smoother} opt {self.optlevel}"


@dataclass
class Fit:
    """One fit: scales |beta| of the terms, directions (terms × d, original units), predictions."""

    scales: np.ndarray
    directions: np.ndarray
    predictions: np.ndarray
    terms: int
    seconds: float


def fit_all(jobs, folder, threads):
    """Fits each of jobs, a list of (train file, test file or None, Settings), in one R process."""
    folder = Path(folder)
    manifest = folder / "manifest.csv"
    prefixes = [folder / f"ppr-{number}" for number in range(len(jobs))]
    with open(manifest, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["train", "test", "terms", "max_terms", "smoother", "optlevel", "out"])
        for (train, test, s), prefix in zip(jobs, prefixes):
            writer.writerow(
                [train, test or "", s.terms, s.max_terms, s.smoother, s.optlevel, prefix]
            )
    run_rscript("ppr.R", manifest, threads=threads)

    fits = []
    for (_, test, _), prefix in zip(jobs, prefixes):
        _, directions = read_numbers(f"{prefix}.directions.csv")
        _, info = read_numbers(f"{prefix}.info.csv")
        predictions = np.empty(0)
        if test:
            predictions = read_numbers(f"{prefix}.predictions.csv")[1][:, 0]
        fits.append(
            Fit(
                scales=np.abs(directions[:, 0]),
                directions=directions[:, 1:],
                predictions=predictions,
                terms=int(info[0, 0]),
                seconds=float(info[0, 1]),
            )
        )
    return fits
