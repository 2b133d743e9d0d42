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
from .schemas import (
    Artifact,
    ArtifactCreate,
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
    "RunSort",
    "SchemaOutdated",
    "StoreInfo",
    "StoreUnavailable",
    "TaskRun",
    "TaskRunFilter",
    "WorkPool",
    "WorkPoolFilter",
    "WorkQueue",
]
