// Package trail carries the audit trail on after it was written: to whoever waits for the
// next event, to a file outside the store, and to its end when it was kept long enough.
//
// It owns the file's format only as far as lines go (package audit owns the lines), where
// in it an export goes on after a crash, a rotation or a restore, and what retention may
// remove. It writes no events but its own, and decides nothing.
package trail
