// Package clock tells the time by which limits are judged: the wall clock, as long as
// it agrees with the monotonic one.
//
// It owns the suspicion of a jump and its confirmation. Nothing in it waits.
package clock
