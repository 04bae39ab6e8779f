"""Compare two versions of a dataset on one page: what changed, their metrics, and images of both."""

import base64
import json
import math
from dataclasses import dataclass

from pipeline.base.errors import UserError
from pipeline.base.metric import MetricValues
from pipeline.report.contact_sheet import contact_sheet
from pipeline.report.metric_rows import METRICS_FILE, metric_groups
from pipeline.report.records import occurring_classes
from pipeline.report.templates import render
from pipeline.sampling.changes import record_changes
from pipeline.sampling.manifest import Manifest, open_dataset
from pipeline.store.folder import Folder

COLUMNS = 10


@dataclass(frozen=True)
class _Version:
    place: str
    folder: Folder
    manifest: Manifest
    metrics: MetricValues

    @classmethod
    def at(cls, place: str) -> "_Version":
        folder, manifest = open_dataset(place)
        try:
            metrics = json.loads(folder.read(METRICS_FILE))
        except FileNotFoundError:
            raise UserError(
                f"{place}: no {METRICS_FILE}: not a published version. `imagemint publish` creates those."
            ) from None
        except (OSError, ValueError) as error:
            raise UserError(f"{place}/{METRICS_FILE} is damaged: {error}.") from None
        return cls(place, folder, manifest, metrics)

    @property
    def name(self) -> str:
        return f"{self.manifest.name} {self.metrics['release']['version']}"


def compare(old: str, new: str) -> str:
    """Return the page that compares two published versions, folders or URLs."""
    versions = [_Version.at(place) for place in (old, new)]
    old_manifest, new_manifest = (version.manifest for version in versions)
    before, now = (metric_groups(version.metrics) for version in versions)
    groups = {
        title: [
            (row, next((other for other in before[title] if other.key == row.key), None), _change(versions, row.key))
            for row in rows
        ]
        for title, rows in now.items()
    }
    return render(
        "compare.html.j2",
        versions=[
            {
                "name": version.name,
                "count": version.manifest.count,
                "dataset": version.manifest.dataset_id,
                "change": version.metrics["release"]["change"],
                "gates": version.metrics["gates"],
                "sheet": _sheet(version),
            }
            for version in versions
        ],
        changed=record_changes(old_manifest, new_manifest.fingerprint, new_manifest),
        groups=groups,
    )


def _change(versions: list[_Version], key: str) -> str:
    """Return the difference of a metric, and whether chance explains it.

    It does where the difference is within two standard errors, which needs the errors of both versions.
    """
    (old, old_error), (new, new_error) = (
        (version.metrics.get(key), version.metrics.get(f"{key}_error")) for version in versions
    )
    if old is None or new is None or new == old:
        return ""
    if old_error is None or new_error is None or abs(new - old) > 2 * math.hypot(old_error, new_error):
        return f"{new - old:+.3g}"
    return f"{new - old:+.3g}, within chance"


def _sheet(version: _Version) -> str:
    counts = [shard.labels for shard in version.manifest.shards]
    fewest = min(
        (sum(count.get(name, 0) for count in counts) for name in occurring_classes(version.manifest)), default=COLUMNS
    )
    sheet = contact_sheet(version.place, min(COLUMNS, fewest))
    return "data:image/png;base64," + base64.b64encode(sheet.png).decode()
