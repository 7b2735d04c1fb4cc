package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// terminal asks a person in front of it.
type terminal struct {
	in   *os.File
	out  io.Writer
	read *bufio.Reader
}

// person is the terminal that commands are given at; nil where nobody can be asked.
func person(p process) *terminal {
	f, ok := p.in.(*os.File)
	if !ok {
		return nil
	}
	if _, err := attributes(f); err != nil {
		return nil
	}
	return &terminal{in: f, out: p.out, read: bufio.NewReader(f)}
}

// Ask implements app.Asker.
func (t *terminal) Ask(question, fallback string) (string, error) {
	if fallback != "" {
		question += " [" + fallback + "]"
	}
	answer, err := t.line(question)
	if answer == "" && err == nil {
		answer = fallback
	}
	return answer, err
}

// Agree implements app.Asker. Nothing is no.
func (t *terminal) Agree(question string) (bool, error) {
	answer, err := t.line(question + " (y/N)")
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}

// Secret implements app.Asker: what is typed is not shown.
func (t *terminal) Secret(question string) (answer string, err error) {
	before, err := attributes(t.in)
	if err != nil {
		return "", fmt.Errorf("asking for a secret: %w", err)
	}
	silent := *before
	silent.Lflag &^= syscall.ECHO
	if err := setAttributes(t.in, &silent); err != nil {
		return "", fmt.Errorf("asking for a secret: %w", err)
	}
	defer func() { err = errors.Join(err, setAttributes(t.in, before)); fmt.Fprintln(t.out) }()
	return t.line(question)
}

func (t *terminal) line(question string) (string, error) {
	fmt.Fprint(t.out, "\n   "+question+": ")
	text, err := t.read.ReadString('\n')
	if errors.Is(err, io.EOF) && text != "" {
		err = nil
	}
	return strings.TrimSpace(text), err
}

// attributes are a terminal's settings; an error says that a file is none.
func attributes(f *os.File) (*syscall.Termios, error) {
	var t syscall.Termios
	return &t, control(f, getAttributes, &t)
}

func setAttributes(f *os.File, t *syscall.Termios) error { return control(f, putAttributes, t) }

func control(f *os.File, request uintptr, t *syscall.Termios) error {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(t))) // ioctl(2) takes the address
	if errno != 0 {
		return errno
	}
	return nil
}
