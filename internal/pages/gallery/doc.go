// Command gallery serves every example page on loopback, for whoever works on the pages,
// for the accessibility tests and for the pictures in the documentation:
//
//	go run ./internal/pages/gallery
//
// It owns the addresses of the examples and nothing else: what is on them is package
// pages'. It is no part of the gateway and knows no session.
package main
