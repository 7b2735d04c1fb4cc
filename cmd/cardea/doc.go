// Command cardea is a sign-in and sign-out gateway for web applications.
//
// It owns the commands, their help and their exit codes: 0 done, 1 failed, 2 wrong
// usage or configuration. What they do is in package app and below.
package main
