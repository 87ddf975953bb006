"""Router versions on disk: `models/<version>/` with its files, `models/registry.json` with their stages.

A version's directory is written aside and renamed, and never changes after that, except that the arrays of old
versions are removed. It holds `manifest.json` (what it was made from, what it measured, the hash of each other
file), `arrays.npz` and `model.json` (no pickle: loading runs no code), `evaluation.parquet`, `model_card.md` and
its plot. The version is a digest of arrays, names, data and code. Stages: `production` decides; `staging` beat
the base rates and only informs; `training` did not; `retired` was production once.
"""

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from learning_pipeline.errors import PipelineError, UsageError
from learning_pipeline.routing.text import Array
from learning_pipeline.settings import Settings

STAGES = ("training", "staging", "production", "retired")
ARRAYS, MODEL, MANIFEST, EVALUATION = "arrays.npz", "model.json", "manifest.json", "evaluation.parquet"
# Newest versions whose arrays are kept, besides the one in production.
KEPT_VERSIONS = 5


@dataclass(frozen=True)
class Version:
    """One version of the router, as the registry knows it."""

    version: str
    stage: str
    reason: str
    created_at: datetime
    data_digest: str
    manifest: dict[str, Any]
    path: Path


class Registry:
    """The versions under one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def _index(self) -> Path:
        return self.root / "registry.json"

    def versions(self) -> list[Version]:
        """Return all versions, oldest first.

        Raises:
            PipelineError: a file of the registry cannot be read; the message names it.
        """
        if not self.root.is_dir():
            return []
        stages = self._read_index()["versions"]
        found = []
        for path in sorted(self.root.glob(f"*/{MANIFEST}")):
            if path.parent.name.startswith("."):
                continue
            manifest = _read_json(path)
            try:
                # A version that was written just before a crash has no stage yet: its own verdict stands.
                stage = stages.get(manifest["version"], manifest)
                found.append(
                    Version(
                        manifest["version"],
                        stage["stage"],
                        stage["reason"],
                        datetime.fromisoformat(manifest["created_at"]),
                        manifest["data_digest"],
                        manifest,
                        path.parent,
                    )
                )
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise PipelineError(f"{path} lacks or garbles {error}; move its directory away and train") from error
        return sorted(found, key=lambda item: (item.created_at, item.version))

    def latest(self) -> Version | None:
        """Return the version that was made from the newest data, None where there is none."""
        found = self.versions()
        named = self._read_index().get("latest")
        return next((item for item in found if item.version == named), found[-1] if found else None)

    def current(self, which: str = "production") -> Version | None:
        """Return `production`, `latest`, or the version that is named; None where that stage has none.

        Raises:
            UsageError: there is no version of that name.
        """
        if which == "latest":
            return self.latest()
        found = self.versions()
        if which == "production":
            return next((item for item in reversed(found) if item.stage == "production"), None)
        for item in found:
            if item.version == which:
                return item
        known = ", ".join(item.version for item in found) or "none"
        raise UsageError(f"there is no router {which!r}: production, latest or one of the versions ({known})")

    def informing(self) -> Version | None:
        """Return the newest version whose predictions beat the base rates, None where there is none."""
        found = [item for item in self.versions() if item.stage != "training" and (item.path / ARRAYS).exists()]
        named = self._read_index().get("latest")
        return next((item for item in found if item.version == named), found[-1] if found else None)

    def weights(self) -> dict[str, dict[str, float]]:
        """Return, by kind of task, how much cost and time count against success where a person has set it."""
        weights = self._read_index().get("weights", {})
        return weights if isinstance(weights, dict) else {}

    def write(
        self,
        version: str,
        arrays: Mapping[str, Array],
        names: Mapping[str, Any],
        manifest: dict[str, Any],
        files: Mapping[str, bytes],
    ) -> Path:
        """Write a version's directory, whole or not at all, and return it."""
        aside = self.root / f".{version}.part"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        np.savez(aside / ARRAYS, allow_pickle=False, **arrays)
        (aside / MODEL).write_text(json.dumps(names, sort_keys=True, ensure_ascii=False), "utf-8")
        for name, content in files.items():
            (aside / name).write_bytes(content)
        hashes = {path.name: _sha256(path) for path in sorted(aside.iterdir())}
        complete = {**manifest, "version": version, "files": hashes}
        (aside / MANIFEST).write_text(json.dumps(complete, sort_keys=True, indent=1), "utf-8")
        target = self.root / version
        if target.exists():
            shutil.rmtree(target)
        os.replace(aside, target)
        return target

    def settle(self, version: str, stage: str, reason: str, *, now: datetime) -> None:
        """Make a version the latest, give it a stage, and retire the version whose place it takes."""
        index = self._read_index()
        index["latest"] = version
        if stage == "production":
            for item in self.versions():
                if item.stage == "production" and item.version != version:
                    index["versions"][item.version] = {
                        "stage": "retired",
                        "reason": f"replaced by {version}",
                        "changed_at": now.isoformat(),
                    }
        index["versions"][version] = {"stage": stage, "reason": reason, "changed_at": now.isoformat()}
        self._write_index(index)

    def change(self, version: str, stage: str, reason: str, *, now: datetime) -> None:
        """Give a version a stage because a person says so; a version that it replaces in production retires.

        Raises:
            UsageError: there is no version of that name, or its arrays were removed for their age.
        """
        item = self.current(version)
        assert item is not None
        if stage == "production" and not (item.path / ARRAYS).exists():
            raise UsageError(f"the arrays of {version} were removed for their age: it cannot decide again")
        latest = self.latest()
        self.settle(item.version, stage, reason, now=now)
        index = self._read_index()
        index["latest"] = latest.version if latest else item.version
        self._write_index(index)

    def rollback(self, reason: str, *, now: datetime) -> Version:
        """Put the version back into production that was replaced last, and return it.

        Raises:
            UsageError: no version was in production before.
        """
        changed = self._read_index()["versions"]
        retired = [item for item in self.versions() if item.stage == "retired" and (item.path / ARRAYS).exists()]
        if not retired:
            raise UsageError("there is no version to go back to: none was in production before")
        back = max(retired, key=lambda item: (changed[item.version].get("changed_at", ""), item.version))
        current = self.current()
        self.change(back.version, "production", f"rolled back: {reason}", now=now)
        if current is not None:
            self._note(current.version, "staging", f"rolled back to {back.version}: {reason}", now)
        return back

    def hold(self, reason: str | None, *, now: datetime) -> None:
        """Promote no version until the hold is lifted (a reason of None lifts it)."""
        index = self._read_index()
        index["hold"] = None if reason is None else {"reason": reason, "changed_at": now.isoformat()}
        self._write_index(index)

    def held(self) -> str | None:
        """Return why no version may be promoted, None where one may."""
        hold = self._read_index().get("hold")
        return hold["reason"] if isinstance(hold, dict) else None

    def weigh(self, task_type: str, weights: Mapping[str, float] | None) -> None:
        """Set how much cost and time count in a kind of task; None goes back to what training chose."""
        index = self._read_index()
        known = self.weights()
        known.pop(task_type, None)
        index["weights"] = known if weights is None else {**known, task_type: dict(weights)}
        self._write_index(index)

    def _note(self, version: str, stage: str, reason: str, now: datetime) -> None:
        index = self._read_index()
        index["versions"][version] = {"stage": stage, "reason": reason, "changed_at": now.isoformat()}
        self._write_index(index)

    def _write_index(self, index: dict[str, Any]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        part = self._index.with_suffix(".part")
        part.write_text(json.dumps(index, sort_keys=True, indent=1), "utf-8")
        os.replace(part, self._index)

    def is_settled(self, version: str) -> bool:
        """Say whether the version was given its stage."""
        return version in self._read_index()["versions"]

    def prune(self) -> None:
        """Remove the arrays of versions that are old and not in production, and what a crash left."""
        for path in self.root.glob(".*.part"):
            shutil.rmtree(path, ignore_errors=True)
        for item in self.versions()[:-KEPT_VERSIONS]:
            if item.stage != "production":
                for name in (ARRAYS, MODEL):
                    (item.path / name).unlink(missing_ok=True)

    def read(self, item: Version) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return a version's arrays and names, after checking the hash of their files.

        Raises:
            PipelineError: a file is missing, was changed, or holds anything but plain arrays.
        """
        for name in (ARRAYS, MODEL):
            path = item.path / name
            if not path.exists():
                raise PipelineError(f"{path} is missing: the version is too old, or damaged; train a new one")
            if _sha256(path) != item.manifest.get("files", {}).get(name):
                raise PipelineError(f"{path} is not the file that was written: move the version away and train")
        names = _read_json(item.path / MODEL)
        try:
            with np.load(item.path / ARRAYS, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise PipelineError(f"{item.path / ARRAYS} cannot be read: {error}; move the version away") from error
        return arrays, names

    def _read_index(self) -> dict[str, Any]:
        if not self._index.exists():
            return {"versions": {}}
        index = _read_json(self._index)
        stages = index.get("versions")
        if not isinstance(stages, dict) or not all(
            isinstance(entry, dict) and entry.get("stage") in STAGES for entry in stages.values()
        ):
            raise PipelineError(f"{self._index} is damaged: move it away, and the versions' own stages are used")
        return index


def versions(settings: Settings) -> list[Version]:
    """Return all router versions of a home directory, oldest first."""
    return Registry(settings.models_dir).versions()


def current(settings: Settings, which: str = "production") -> Version | None:
    """Return `production`, `latest` or a named version; None where that stage has none."""
    return Registry(settings.models_dir).current(which)


def digest(settings: Settings) -> str:
    """Return a digest of the versions and their stages: it changes when the router's answers may."""
    stages = [(item.version, item.stage) for item in versions(settings)]
    return hashlib.blake2b(json.dumps(sorted(stages)).encode(), digest_size=16).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path} cannot be read: {error}; move it away and train") from error
    if not isinstance(value, dict):
        raise PipelineError(f"{path} is not a JSON object; move it away and train")
    return value
