"""What the UI shows of an asset: tables, small pictures, links.

The UI shows JPEGs inline when they are small (base64, under 20 kB) and cannot play video: films are links to the
media server.

Not here: making pictures (media/pictures.py).
"""

import base64
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from property_video.core.chosen import Chosen
from property_video.core.records import Record
from property_video.core.verdicts import FailedVerification, Finding

Shown = Mapping[str, dg.MetadataValue | str | int | float | bool]
"""Metadata by the label that people read."""


def picture(file: bytes, says: str) -> dg.MarkdownMetadataValue:
    """A JPEG or PNG below 20 kB, shown in place."""
    return dg.MetadataValue.md(inline(file, says))


def inline(file: bytes, says: str) -> str:
    """A small picture as Markdown that carries its bytes; fits into a cell of a Markdown table."""
    kind = "png" if file.startswith(b"\x89PNG") else "jpeg"
    return f"![{says}](data:image/{kind};base64,{base64.b64encode(file).decode()})"


def table(rows: Iterable[Mapping[str, str | int | float | bool]]) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """Rows of scalars; all rows have the first one's columns. A table of nothing says so."""
    records = [dg.TableRecord(dict(row)) for row in rows]
    return dg.MetadataValue.table(records) if records else dg.MetadataValue.text("none")


def choice_shown(chosen: Chosen | None) -> Shown:
    """What the UI shows of a choice that a vision model was asked for."""
    if chosen is None:
        return {}
    return {
        "chosen by": chosen.provider,
        "cost in USD": chosen.cost_usd,
        "attempts": chosen.attempts,
        "fell": "; ".join(chosen.fell),
        "repaired": "; ".join(chosen.repairs),
    }


def check_specs(asset: str, checks: Sequence[str]) -> list[dg.AssetCheckSpec]:
    """The checks of an asset; they run inside its own step, where its outputs are at hand."""
    return [dg.AssetCheckSpec(name=check, asset=asset) for check in checks]


def check_results(checks: Sequence[str], findings: Sequence[Finding]) -> list[dg.AssetCheckResult]:
    """One result for each check: passed when all its findings did, with all that was found."""
    return [
        dg.AssetCheckResult(
            check_name=check,
            passed=all(finding.passed for finding in findings if finding.check == check),
            severity=_severity(findings, check),
            metadata={f.name: f"{'' if f.passed else 'NOT PASSED: '}{f.found}" for f in findings if f.check == check},
        )
        for check in checks
    ]


def report_failed(context: dg.AssetExecutionContext, checks: Sequence[str], failed: FailedVerification) -> None:
    """Show the verdict on an output that was refused: its step fails and leaves no result of its own."""
    for result in check_results(checks, failed.findings):
        context.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=context.asset_key,
                check_name=str(result.check_name),
                passed=result.passed,
                severity=result.severity,
                metadata=result.metadata,
            )
        )


def _severity(findings: Sequence[Finding], check: str) -> dg.AssetCheckSeverity:
    """A check warns when only warnings of it did not pass."""
    failed = [finding for finding in findings if finding.check == check and not finding.passed]
    warns = failed and all(finding.severity == "warn" for finding in failed)
    return dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR


def result(
    value: Record,
    version: str,
    metadata: Shown,
    checks: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult[Record]:
    """A materialization whose data version is the output's fingerprint: what did not change stays fresh."""
    return dg.MaterializeResult(
        value=value, data_version=dg.DataVersion(version), metadata=dict(metadata), check_results=list(checks)
    )
