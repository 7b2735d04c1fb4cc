-- Who signs out everywhere is told how many other sessions ended.
-- +goose Up
ALTER TABLE receipts ADD COLUMN others INTEGER NOT NULL DEFAULT 0;
