// Package freeport gives tests and benchmarks loopback ports to configure servers with
// that are started later.
//
// It owns no listener: a port it names is free when it is named. Ports come from below the
// range that the system gives to outgoing connections and to listeners that name none, so
// that nothing takes one by chance before its server listens, and none is named twice in
// one process.
package freeport

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

const (
	first = 20000
	count = 12000 // up to 31999; Linux begins to give ports away at 32768
	step  = 61    // between two processes that begin at once; it has no factor in common with count
)

var given atomic.Uint32 //nolint:gochecknoglobals // what keeps two callers of one process from the same port

// Next returns a TCP port at which nobody listens on 127.0.0.1. It is safe for concurrent
// use. It fails when all of its range is taken.
func Next() (int, error) {
	for range count {
		port := first + (os.Getpid()*step+int(given.Add(1)))%count
		if Free(port) {
			return port, nil
		}
	}
	return 0, errors.New("no port between 20000 and 31999 is free")
}

// Free reports whether nobody listens at a port on 127.0.0.1.
func Free(port int) bool {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

// Address is Next as host:port.
func Address() (string, error) {
	port, err := Next()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
