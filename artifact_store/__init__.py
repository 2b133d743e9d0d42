"""Versioned artifacts of jobs in one SQL database: a synchronous SDK that needs no server."""

from .errors import (
    ArtifactConflict,
    ArtifactStoreError,
    IntegrityViolation,
    InvalidArtifact,
    InvalidQuery,
    InvalidURL,
    SchemaOutdated,
    StoreUnavailable,
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
from .rendering import blocks
from .rendering.plot import sparkline
from .rendering.renderers import register_renderer, render_artifact
from .rendering.surroundings import Point, Surroundings
from .rendering.terminal import print_blocks
from .rendering.text import escape_controls
from .schemas import (
    Artifact,
    ArtifactCreate,
    ArtifactList,
    ArtifactUpdate,
    Breach,
    Deployment,
    Flow,
    FlowRun,
    StoreInfo,
    TaskRun,
    WorkPool,
    WorkQueue,
)
from .sorting import ArtifactCollectionSort, ArtifactSort, RunSort
from .store import ArtifactStore

__all__ = [
    "Artifact",
    "ArtifactCollectionFilter",
    "ArtifactCollectionSort",
    "ArtifactConflict",
    "ArtifactCreate",
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
    "Point",
    "RunSort",
    "SchemaOutdated",
    "StoreInfo",
    "StoreUnavailable",
    "Surroundings",
    "TaskRun",
    "TaskRunFilter",
    "WorkPool",
    "WorkPoolFilter",
    "WorkQueue",
    "blocks",
    "escape_controls",
    "print_blocks",
    "register_renderer",
    "render_artifact",
    "sparkline",
]
