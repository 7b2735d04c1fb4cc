-- What was refused and why, by the id that people were shown. The details hold what a
-- provider said of somebody, and are sealed; kind is a word of the program's own.
-- +goose Up
CREATE TABLE incidents (
    id     TEXT    NOT NULL PRIMARY KEY,
    kind   TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    sealed BLOB    NOT NULL
) STRICT;
CREATE INDEX incidents_kind ON incidents (kind, at);
CREATE INDEX incidents_at ON incidents (at, id, kind);
