"""The rule about commit subjects, for commits that are not merged yet."""

import subprocess
from pathlib import Path

SUBJECT_LENGTH = 72


def new_subjects(root: Path) -> list[str] | None:
    """Return the subjects of the commits since the main branch; None where there is no such branch or no git."""
    for base in ("origin/main", "main"):
        command = ["git", "log", "--no-merges", "--format=%s", f"{base}..HEAD", "--"]
        try:
            return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines()
        except (FileNotFoundError, subprocess.CalledProcessError):
            continue
    return None


def subject_faults(subjects: list[str]) -> list[str]:
    """Return the subjects that are too long."""
    return [
        f"{subject!r} has more than {SUBJECT_LENGTH} characters"
        for subject in subjects
        if len(subject) > SUBJECT_LENGTH
    ]
