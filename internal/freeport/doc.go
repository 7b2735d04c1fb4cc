// Package freeport gives tests and benchmarks loopback ports to configure servers with
// that are started later.
//
// It owns no listener: a port it names is free when it is named. Ports come from below the
// range that the system gives to outgoing connections and to listeners that name none, so
// that nothing takes one by chance before its server listens. None is named twice in one
// process, and what one process named lately no other names: the UDP port of the same number
// is held for a while as a mark of it.
package freeport

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	first = 20000
	count = 12000           // up to 31999; Linux begins to give ports away at 32768
	step  = 61              // between two processes that begin at once; it has no factor in common with count
	held  = 3 * time.Minute // by then its server listens, on a busy machine too
)

var given atomic.Uint32 //nolint:gochecknoglobals // what keeps two callers of one process from the same port

// Next returns a TCP port at which nobody listens on 127.0.0.1. Where a server wants more
// ports than one, beside tells how far they are from it: nobody listens there either, and they
// are marked with it. It is safe for concurrent use. It fails when all of its range is taken.
func Next(beside ...int) (int, error) {
	for range count {
		port := first + (os.Getpid()*step+int(given.Add(1)))%count
		if take(port, beside) {
			return port, nil
		}
	}
	return 0, errors.New("no port between 20000 and 31999 is free")
}

// take marks a port and those beside it, unless one of them is another's.
func take(port int, beside []int) bool {
	var marks []net.PacketConn
	release := func() {
		for _, m := range marks {
			m.Close()
		}
	}
	for _, far := range append([]int{0}, beside...) {
		mark, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", at(port+far))
		if err == nil {
			marks = append(marks, mark)
		}
		if err != nil || !Free(port+far) {
			release()
			return false
		}
	}
	time.AfterFunc(held, release)
	return true
}

func at(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Free reports whether nobody listens at a port on 127.0.0.1.
func Free(port int) bool {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", at(port))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

// Address is Next as host:port.
func Address() (string, error) {
	port, err := Next()
	return at(port), err
}
