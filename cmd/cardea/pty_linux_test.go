package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// terminalOf returns both ends of a terminal that is some columns wide.
func terminalOf(t *testing.T, columns uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	ioctl := func(request uintptr, value unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), request, uintptr(value)); errno != 0 {
			t.Fatal(errno)
		}
	}
	var number, locked uint32
	ioctl(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	ioctl(syscall.TIOCGPTN, unsafe.Pointer(&number))
	ioctl(syscall.TIOCSWINSZ, unsafe.Pointer(&[4]uint16{24, columns}))
	theirs, err = os.OpenFile("/dev/pts/"+strconv.FormatUint(uint64(number), 10), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

func TestACommandAtATerminalFitsIt(t *testing.T) {
	g := newGate(t, 3)
	for _, tc := range []struct {
		args []string
		fits bool
	}{{[]string{"list"}, true}, {[]string{"tail"}, true}, {[]string{"list", "--wide"}, false}} {
		ours, theirs := terminalOf(t, 80)
		read := make(chan string)
		go func() {
			text, _ := io.ReadAll(ours) // ends with an error once the other end is closed
			read <- string(text)
		}()
		code := g.into(t.Context(), theirs, io.Discard, tc.args...)
		theirs.Close()
		text := <-read
		widest := 0
		for l := range strings.SplitSeq(text, "\r\n") {
			widest = max(widest, widthOf(l))
		}
		if code != exitDone || strings.Count(text, "signed in") != 3 || (widest <= 80) != tc.fits {
			t.Errorf("%v: %d, %d columns\n%s", tc.args, code, widest, text)
		}
	}
}
