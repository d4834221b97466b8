"""The store in which runs last: resume, replay, the viewer and exports read it. Start at `store`."""

from rlm_async.journal.recording import Recording
from rlm_async.journal.records import ContextRecord, Kept, Opening, RunFilter, RunRecord, ToolCall
from rlm_async.journal.store import Journal

__all__ = ["ContextRecord", "Journal", "Kept", "Opening", "Recording", "RunFilter", "RunRecord", "ToolCall"]
