"""Identity sources: wire format to Identity, Gone, Denied or Unavailable. One module or package per source."""

from .registry import SOURCE_TYPES, SourceType, SourceTypes, Surroundings

__all__ = ["SOURCE_TYPES", "SourceType", "SourceTypes", "Surroundings"]
