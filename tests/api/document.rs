//! `docs/api.md` against the API itself.
