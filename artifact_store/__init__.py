"""Versioned artifacts of jobs in one SQL database: a synchronous SDK that needs no server."""

from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
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
    from .errors import (
        ArtifactConflict,
        ArtifactDataWarning,
        ArtifactStoreError,
        IntegrityViolation,
        InvalidArtifact,
        InvalidQuery,
        InvalidURL,
        SchemaOutdated,
        StoreDamaged,
        StoreMissing,
        StoreReadOnly,
        StoreUnavailable,
        UnsupportedCharacter,
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
    from .payloads.builders import Payload, image_payload, table_payload
    from .rendering import blocks
    from .rendering.plot import sparkline
    from .rendering.renderers import register_renderer, render_artifact
    from .rendering.surroundings import Point, Surroundings
    from .rendering.terminal import print_blocks
    from .rendering.text import age, escape_controls
    from .report.writing import ReportInfo
    from .runs.active import OpenFlowRun, OpenTaskRun
    from .schemas.artifacts import Artifact, ArtifactCreate, ArtifactList, ArtifactUpdate
    from .schemas.keys import as_key
    from .schemas.runs import Deployment, Flow, FlowRun, TaskRun, WorkPool, WorkQueue
    from .schemas.sorting import ArtifactCollectionSort, ArtifactSort, RunSort
    from .schemas.store import Breach, StoreInfo
    from .store import ArtifactStore
else:
    __getattr__, __dir__ = lazy_names(
        globals(),
        {
            "Breach StoreInfo": "schemas.store",
            "create_image_artifact create_link_artifact create_markdown_artifact": "api",
            "create_progress_artifact create_table_artifact default_store": "api",
            "read_artifact_ref read_latest_artifact set_default_store update_progress_artifact": "api",
            "ArtifactConflict ArtifactDataWarning ArtifactStoreError IntegrityViolation InvalidArtifact": "errors",
            "InvalidQuery InvalidURL SchemaOutdated StoreDamaged StoreMissing StoreReadOnly": "errors",
            "StoreUnavailable UnsupportedCharacter": "errors",
            "ArtifactCollectionFilter ArtifactFilter DeploymentFilter": "filters.definitions",
            "FlowFilter FlowRunFilter TaskRunFilter WorkPoolFilter": "filters.definitions",
            "as_key": "schemas.keys",
            "OpenFlowRun OpenTaskRun": "runs.active",
            "Payload image_payload table_payload": "payloads.builders",
            "blocks": "rendering",
            "sparkline": "rendering.plot",
            "register_renderer render_artifact": "rendering.renderers",
            "Point Surroundings": "rendering.surroundings",
            "print_blocks": "rendering.terminal",
            "age escape_controls": "rendering.text",
            "ReportInfo": "report.writing",
            "Deployment Flow FlowRun TaskRun WorkPool WorkQueue": "schemas.runs",
            "Artifact ArtifactCreate ArtifactList ArtifactUpdate": "schemas.artifacts",
            "ArtifactCollectionSort ArtifactSort RunSort": "schemas.sorting",
            "ArtifactStore": "store",
        },
    )

__all__ = [
    "Artifact",
    "ArtifactCollectionFilter",
    "ArtifactCollectionSort",
    "ArtifactConflict",
    "ArtifactCreate",
    "ArtifactDataWarning",
    "ArtifactFilter",
    "ArtifactList",
    "ArtifactSort",
    "ArtifactStore",
    "ArtifactStoreError",
    "ArtifactUpdate",
    "Breach",
    "Deployment",
    "DeploymentFilter",
    "Flow",
    "FlowFilter",
    "FlowRun",
    "FlowRunFilter",
    "IntegrityViolation",
    "InvalidArtifact",
    "InvalidQuery",
    "InvalidURL",
    "OpenFlowRun",
    "OpenTaskRun",
    "Payload",
    "Point",
    "ReportInfo",
    "RunSort",
    "SchemaOutdated",
    "StoreDamaged",
    "StoreInfo",
    "StoreMissing",
    "StoreReadOnly",
    "StoreUnavailable",
    "Surroundings",
    "TaskRun",
    "TaskRunFilter",
    "UnsupportedCharacter",
    "WorkPool",
    "WorkPoolFilter",
    "WorkQueue",
    "age",
    "as_key",
    "blocks",
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "default_store",
    "escape_controls",
    "image_payload",
    "print_blocks",
    "read_artifact_ref",
    "read_latest_artifact",
    "register_renderer",
    "render_artifact",
    "set_default_store",
    "sparkline",
    "table_payload",
    "update_progress_artifact",
]
