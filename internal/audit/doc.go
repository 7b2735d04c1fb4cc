// Package audit is what operators may rely on: the events of the audit trail, and the log.
//
// It owns the schema of events (docs/audit.md is held against it by a test), who acts, how
// an export writes an event, and the Keeper, which carries events that are no part of a
// store's transaction through an outage. Stores own where events are kept.
//
// It owns the last barrier that keeps secrets out: code does not log tokens, codes,
// cookies or state values in the first place, and what slips through under a telling
// name or in a telling shape is masked here. It owns no destination.
package audit
