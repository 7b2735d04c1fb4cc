package main

import "syscall"

// The requests of ioctl(2) for a terminal's settings.
const (
	getAttributes = syscall.TCGETS
	putAttributes = syscall.TCSETS
)
