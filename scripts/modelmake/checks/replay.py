"""Replay: what follows a replay by act, or which steps failed and how to run each alone; reads act's log."""

import re
import sys

from modelmake.core import advice, git

STEP = re.compile(r"\[([^\]/]*)/(pipeline/)?([^\] /]+) *\].*Failure - Main (make [a-z-]+)")


def failed(log: str) -> list[str]:
    """Return a line for each step that has failed.

    Examples
    --------
    >>> failed("[mlops-pipeline/ci   ]   Failure - Main make lint [1s]")
    ['job ci failed; to run that step alone: make lint']

    """
    several = len(set(re.findall(r"\[([^\]/]*)/pipeline/", log))) > 1  # then act numbers them: [churn-2/pipeline/train]
    found = []
    for name, called, job, step in STEP.findall(log):
        pipeline = re.sub(r"-\d+$", "", name) if several else name
        other = called and pipeline != "pipeline"
        of, variable = (f" of {pipeline}", f" PIPELINE=pipelines/{pipeline}.toml") if other else ("", "")
        found.append(f"job {job}{of} failed; to run that step alone: {step}{variable}")
    return found


def main(code: str) -> None:
    """Print these lines if act's exit code is not 0."""
    if code == "0":
        print(f"next    {advice.replayed(git.output('remote', 'get-url', 'origin'))}")
        return
    unfinished = "the workflow did not run to its end; see the output above; make lint checks the workflow"
    for line in failed(sys.stdin.read()) or [unfinished]:
        print(f"act: {line}")
