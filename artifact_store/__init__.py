"""Versioned artifacts of jobs in one SQL database: a synchronous SDK that needs no server."""

from typing import TYPE_CHECKING

from .deferred import deferred_names

if TYPE_CHECKING:
    from .care import Breach, StoreInfo
    from .default import (
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
    from .filters import (
        ArtifactCollectionFilter,
        ArtifactFilter,
        DeploymentFilter,
        FlowFilter,
        FlowRunFilter,
        TaskRunFilter,
        WorkPoolFilter,
    )
    from .keys import as_key
    from .openruns import OpenFlowRun, OpenTaskRun
    from .payloads import Payload, image_payload, table_payload
    from .rendering import blocks
    from .rendering.plot import sparkline
    from .rendering.renderers import register_renderer, render_artifact
    from .rendering.surroundings import Point, Surroundings
    from .rendering.terminal import print_blocks
    from .rendering.text import age, escape_controls
    from .report.writing import ReportInfo
    from .runvalues import Deployment, Flow, FlowRun, TaskRun, WorkPool, WorkQueue
    from .schemas import Artifact, ArtifactCreate, ArtifactList, ArtifactUpdate
    from .sorting import ArtifactCollectionSort, ArtifactSort, RunSort
    from .store import ArtifactStore
else:
    __getattr__, __dir__ = deferred_names(
        globals(),
        {
            "Breach StoreInfo": "care",
            "create_image_artifact create_link_artifact create_markdown_artifact": "default",
            "create_progress_artifact create_table_artifact default_store": "default",
            "read_artifact_ref read_latest_artifact set_default_store update_progress_artifact": "default",
            "ArtifactConflict ArtifactDataWarning ArtifactStoreError IntegrityViolation InvalidArtifact": "errors",
            "InvalidQuery InvalidURL SchemaOutdated StoreDamaged StoreMissing StoreReadOnly": "errors",
            "StoreUnavailable UnsupportedCharacter": "errors",
            "ArtifactCollectionFilter ArtifactFilter DeploymentFilter": "filters",
            "FlowFilter FlowRunFilter TaskRunFilter WorkPoolFilter": "filters",
            "as_key": "keys",
            "OpenFlowRun OpenTaskRun": "openruns",
            "Payload image_payload table_payload": "payloads",
            "blocks": "rendering",
            "sparkline": "rendering.plot",
            "register_renderer render_artifact": "rendering.renderers",
            "Point Surroundings": "rendering.surroundings",
            "print_blocks": "rendering.terminal",
            "age escape_controls": "rendering.text",
            "ReportInfo": "report.writing",
            "Deployment Flow FlowRun TaskRun WorkPool WorkQueue": "runvalues",
            "Artifact ArtifactCreate ArtifactList ArtifactUpdate": "schemas",
            "ArtifactCollectionSort ArtifactSort RunSort": "sorting",
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
