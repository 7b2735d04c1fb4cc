package freeport_test

import (
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/cardea-auth/cardea/internal/freeport"
)

func TestNoPortIsNamedTwice(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				port, err := freeport.Next()
				mu.Lock()
				if err != nil || seen[port] {
					t.Errorf("port %d, %v; named before: %v", port, err, seen[port])
				}
				seen[port] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

func TestAPortInUseIsNotFree(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	if freeport.Free(port) {
		t.Error("a port that is listened at is said to be free")
	}
	ln.Close()
	if !freeport.Free(port) {
		t.Error("a port that nobody listens at is said to be taken")
	}
}

// Another process is told by the UDP port of the same number.
func TestWhatAnotherProcessNamedIsNotNamed(t *testing.T) {
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	if mark, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1))); err == nil {
		defer mark.Close() // otherwise it is marked already
	}
	if next, err := freeport.Next(); err != nil || next == port+1 {
		t.Errorf("port %d, %v: it is another's", next, err)
	}
}
