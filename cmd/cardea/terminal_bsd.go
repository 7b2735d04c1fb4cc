//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package main

import "syscall"

// The requests of ioctl(2) for a terminal's settings.
const (
	getAttributes = syscall.TIOCGETA
	putAttributes = syscall.TIOCSETA
)
