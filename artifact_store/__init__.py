"""Versioned artifacts of jobs in one SQL database: a synchronous SDK that needs no server."""

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from . import rendering
    from .api import (
        create_image_artifact,
        create_link_artifact,
        create_markdown_artifact,
        create_progress_artifact,
        create_table_artifact,
        default_store,
        read_artifact_ref,
        read_latest_artifact,
        set_default_store,
        update_progress_artifact,
    )
    from .checks.check import Check, CheckResult
    from .differences.diff import Diff
    from .errors import (
        ArtifactConflict,
        ArtifactDataWarning,
        ArtifactNotFound,
        ArtifactProtected,
        ArtifactStoreError,
        CheckFailed,
        IntegrityViolation,
        InvalidArtifact,
        InvalidQuery,
        InvalidURL,
        SchemaTooNew,
        SchemaTooOld,
        StoreDamaged,
        StoreMissing,
        StoreReadOnly,
        StoreUnavailable,
        UnsupportedCharacter,
        VersionConflict,
    )
    from .filters.definitions import (
        ArtifactCollectionFilter,
        ArtifactFilter,
        DeploymentFilter,
        FlowFilter,
        FlowRunFilter,
        TaskRunFilter,
        WorkPoolFilter,
    )
    from .filters.parsing import parse_filters
    from .payloads.builders import (
        Payload,
        image_payload,
        link_payload,
        progress_payload,
        table_payload,
    )
    from .rendering.context import ArtifactContext, MadeFrom, Point, Provenance, UsedBy
    from .rendering.renderers import register_renderer, render_artifact
    from .report.writing import ReportInfo
    from .runs.current import OpenFlowRun, OpenTaskRun
    from .schemas.aliases import Alias, AliasMove
    from .schemas.artifacts import Artifact, ArtifactCreate, ArtifactList, ArtifactUpdate
    from .schemas.history import ArtifactHistory, ArtifactVersion, Series
    from .schemas.keys import as_key
    from .schemas.lineage import Lineage, LineageEdge, LineageNode
    from .schemas.run_trees import FlowRunTree, TaskRunTree
    from .schemas.runs import Deployment, Flow, FlowRun, RunList, TaskRun, WorkPool, WorkQueue
    from .schemas.sorting import ArtifactCollectionSort, ArtifactSort, RunSort
    from .schemas.store import Inconsistency, StoreInfo
    from .store import ArtifactStore

    # The old names: a program is warned by `lazy_names`, and a type checker sees what they stand for.
    Breach = Inconsistency
    SchemaOutdated = SchemaTooNew
    Surroundings = ArtifactContext
    age = rendering.age
    blocks = rendering.blocks
    escape_controls = rendering.escape_controls
    print_blocks = rendering.print_blocks
    sparkline = rendering.sparkline
else:
    __getattr__, __dir__ = lazy_names(
        globals(),
        {
            "Inconsistency StoreInfo": "schemas.store",
            "create_image_artifact create_link_artifact create_markdown_artifact": "api",
            "create_progress_artifact create_table_artifact default_store": "api",
            "read_artifact_ref read_latest_artifact set_default_store update_progress_artifact": "api",
            "ArtifactConflict ArtifactDataWarning ArtifactNotFound ArtifactProtected": "errors",
            "ArtifactStoreError CheckFailed IntegrityViolation InvalidArtifact VersionConflict": "errors",
            "InvalidQuery InvalidURL SchemaTooNew SchemaTooOld StoreDamaged StoreMissing": "errors",
            "StoreReadOnly StoreUnavailable UnsupportedCharacter": "errors",
            "ArtifactCollectionFilter ArtifactFilter DeploymentFilter": "filters.definitions",
            "FlowFilter FlowRunFilter TaskRunFilter WorkPoolFilter": "filters.definitions",
            "Alias AliasMove": "schemas.aliases",
            "as_key": "schemas.keys",
            "Check CheckResult": "checks.check",
            "Diff": "differences.diff",
            "ArtifactHistory ArtifactVersion Series": "schemas.history",
            "Lineage LineageEdge LineageNode": "schemas.lineage",
            "OpenFlowRun OpenTaskRun": "runs.current",
            "parse_filters": "filters.parsing",
            "Payload image_payload link_payload progress_payload table_payload": "payloads.builders",
            "register_renderer render_artifact": "rendering.renderers",
            "ArtifactContext MadeFrom Point Provenance UsedBy": "rendering.context",
            "ReportInfo": "report.writing",
            "FlowRunTree TaskRunTree": "schemas.run_trees",
            "Deployment Flow FlowRun RunList TaskRun WorkPool WorkQueue": "schemas.runs",
            "Artifact ArtifactCreate ArtifactList ArtifactUpdate": "schemas.artifacts",
            "ArtifactCollectionSort ArtifactSort RunSort": "schemas.sorting",
            "ArtifactStore": "store",
            "rendering": "",
        },
        renamed={
            "Breach": "Inconsistency",
            "SchemaOutdated": "SchemaTooNew",
            "Surroundings": "ArtifactContext",
            "age": "rendering.age",
            "blocks": "rendering.blocks",
            "escape_controls": "rendering.escape_controls",
            "print_blocks": "rendering.print_blocks",
            "sparkline": "rendering.sparkline",
        },
    )

__all__ = [
    "Alias",
    "AliasMove",
    "Artifact",
    "ArtifactCollectionFilter",
    "ArtifactCollectionSort",
    "ArtifactConflict",
    "ArtifactContext",
    "ArtifactCreate",
    "ArtifactDataWarning",
    "ArtifactFilter",
    "ArtifactHistory",
    "ArtifactList",
    "ArtifactNotFound",
    "ArtifactProtected",
    "ArtifactSort",
    "ArtifactStore",
    "ArtifactStoreError",
    "ArtifactUpdate",
    "ArtifactVersion",
    "Check",
    "CheckFailed",
    "CheckResult",
    "Deployment",
    "DeploymentFilter",
    "Diff",
    "Flow",
    "FlowFilter",
    "FlowRun",
    "FlowRunFilter",
    "FlowRunTree",
    "Inconsistency",
    "IntegrityViolation",
    "InvalidArtifact",
    "InvalidQuery",
    "InvalidURL",
    "Lineage",
    "LineageEdge",
    "LineageNode",
    "MadeFrom",
    "OpenFlowRun",
    "OpenTaskRun",
    "Payload",
    "Point",
    "Provenance",
    "ReportInfo",
    "RunList",
    "RunSort",
    "SchemaTooNew",
    "SchemaTooOld",
    "Series",
    "StoreDamaged",
    "StoreInfo",
    "StoreMissing",
    "StoreReadOnly",
    "StoreUnavailable",
    "TaskRun",
    "TaskRunFilter",
    "TaskRunTree",
    "UnsupportedCharacter",
    "UsedBy",
    "VersionConflict",
    "WorkPool",
    "WorkPoolFilter",
    "WorkQueue",
    "as_key",
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "default_store",
    "image_payload",
    "link_payload",
    "parse_filters",
    "progress_payload",
    "read_artifact_ref",
    "read_latest_artifact",
    "register_renderer",
    "render_artifact",
    "rendering",
    "set_default_store",
    "table_payload",
    "update_progress_artifact",
]
