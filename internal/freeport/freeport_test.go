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
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	if freeport.Free(port) {
		t.Error("a port that is listened at is said to be free")
	}
	ln.Close()
	if !freeport.Free(port) {
		t.Error("a port that nobody listens at is said to be taken")
	}
}

func TestPortsBesideAreFreeAndMarkedToo(t *testing.T) {
	port, err := freeport.Next(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{port, port + 1, port + 10} {
		if !freeport.Free(p) {
			t.Errorf("port %d of %d is taken", p, port)
		}
		if mark, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p))); err == nil {
			mark.Close()
			t.Errorf("port %d of %d is not marked", p, port)
		}
	}
	for range 10 {
		if next, err := freeport.Next(); err != nil || next == port+1 || next == port+10 {
			t.Errorf("port %d, %v: it was named with %d", next, err, port)
		}
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
