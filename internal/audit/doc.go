// Package audit is what operators may rely on in the log.
//
// It owns the last barrier that keeps secrets out: code does not log tokens, codes,
// cookies or state values in the first place, and what slips through under a telling
// name or in a telling shape is masked here. It owns no destination.
package audit
