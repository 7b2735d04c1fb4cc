package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// serving tells whether this process is one of the measured servers.
func serving() bool { return os.Getenv(childVariable) != "" }

// server is one of the measured servers inside its own process.
type server struct {
	address string
	record  func() []byte // the last request as it came; nil where nothing is recorded
}

// serveMain is a child's main: it serves until its input ends.
func serveMain() int {
	out := json.NewEncoder(os.Stdout)
	s, err := startServer()
	if err != nil {
		_ = out.Encode(reply{Err: err.Error()})
		return 1
	}
	if err := out.Encode(reply{Address: s.address}); err != nil {
		return 1
	}
	in := json.NewDecoder(os.Stdin)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return 0 // whoever started it is gone
		}
		r, err := s.obey(o)
		if err != nil {
			r.Err = err.Error()
		}
		if err := out.Encode(r); err != nil {
			return 1
		}
	}
}

func startServer() (*server, error) {
	var s spec
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &s); err != nil {
		return nil, fmt.Errorf("reading what to serve: %w", err)
	}
	roles := map[string]func(spec) (*server, error){
		"bare": serveBare, "check": serveCheck, "reverse": serveReverse, "gateway": serveGateway, "upstream": serveUpstream,
	}
	serve, ok := roles[s.Role]
	if !ok {
		return nil, fmt.Errorf("no server %q", s.Role)
	}
	return serve(s)
}

func (s *server) obey(o order) (reply, error) {
	switch o.Do {
	case "usage":
		u, err := ownUsage()
		return reply{Usage: u}, err
	case "settle":
		// What is garbage by now goes, and its pages back to the system.
		for range 3 {
			runtime.GC()
		}
		debug.FreeOSMemory()
		time.Sleep(300 * time.Millisecond)
		u, err := ownUsage()
		return reply{Usage: u}, err
	case "record":
		if s.record == nil {
			return reply{}, errors.New("this server records nothing")
		}
		return reply{Wire: s.record()}, nil
	case "profile":
		return reply{}, profile(o.Path)
	case "heap":
		return reply{}, heapProfile(o.Path)
	}
	return reply{}, fmt.Errorf("no order %q", o.Do)
}

// profile starts a CPU profile that goes to path, or with "" ends the one under way.
func profile(path string) error {
	if path == "" {
		pprof.StopCPUProfile()
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(f) // f stays open until the process ends
}

// heapProfile writes what is on the heap now.
func heapProfile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}

func ownUsage() (usage, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	cpu, err := ownCPU()
	if err != nil {
		return usage{}, err
	}
	rss, err := residentOf(os.Getpid())
	return usage{
		CPU: cpu, Mallocs: m.Mallocs, RSS: rss,
		InUse: int64(m.HeapInuse + m.StackInuse),
	}, err
}

// ownCPU is the CPU time of this process, user and system, in all threads.
func ownCPU() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// residentOf is the resident memory of a process in bytes.
func residentOf(pid int) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("the system does not tell the memory of a process")
}

func loopback() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
