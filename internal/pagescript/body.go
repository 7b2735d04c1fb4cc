package pagescript

import "io"

// phase is how far a body has come.
type phase int

const (
	starting  phase = iota // a byte order mark may come
	searching              // the place was not yet found
	found                  // the place is known; a declared encoding may have to come along
	done                   // what is left passes unseen
)

// body is an app's page with the script in it. It holds back nothing but the tag that it
// cannot judge yet, and never waits for more than what decides.
type body struct {
	src      io.Closer
	in       io.Reader // decoded
	page     Page
	nonce    string
	declared charset
	atEnd    func()

	phase   phase
	unit    unit
	scan    scanner
	offset  int    // of held in the page, while within the window
	held    []byte // read and not passed
	seen    int    // bytes of held that were scanned
	out     []byte // may go
	scratch []byte
	err     error
}

func (b *body) Close() error { return b.src.Close() }

func (b *body) Read(p []byte) (int, error) {
	for idle := 0; ; idle++ {
		switch {
		case len(b.out) > 0:
			n := copy(p, b.out)
			b.out = b.out[n:]
			return n, nil
		case b.err != nil:
			return 0, b.err
		case len(p) == 0:
			return 0, nil
		case b.phase == done:
			b.out, b.held, b.scratch = nil, nil, nil
			n, err := b.in.Read(p)
			b.note(err)
			return n, err
		case idle == 100:
			return 0, io.ErrNoProgress
		}
		if b.scratch == nil {
			b.scratch = make([]byte, 8<<10)
		}
		n, err := b.in.Read(b.scratch)
		if n > 0 {
			idle = 0
		}
		b.held = append(b.held, b.scratch[:n]...)
		b.look(err == io.EOF)
		if err != nil && b.phase != done {
			b.release(len(b.held)) // the end, or a page that breaks off as it does at the app
		}
		b.note(err)
	}
}

func (b *body) note(err error) {
	b.err = err
	if err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		b.atEnd()
	}
}

// look judges what was read. At the end of the page it decides.
func (b *body) look(end bool) {
	if b.phase == starting {
		u, length, ok := byteOrder(b.held, end)
		if !ok {
			return
		}
		b.phase, b.unit = searching, b.declared.unit
		if length > 0 {
			b.unit, b.declared.settled = u, true
			b.seen = length
		}
		b.scan.stateful = b.unit == bytewise
	}
	if b.phase == searching {
		b.search(end)
	}
	if b.phase == found {
		b.insert(end)
	}
}

func (b *body) search(end bool) {
	passed := b.seen - b.scan.held*b.unit.size()
	for b.phase == searching && b.seen+b.unit.size() <= len(b.held) {
		v := b.scan.step(b.unit.at(b.held[b.seen:]))
		b.seen += b.unit.size()
		if v == pass {
			passed = b.seen
		}
		b.judge(v)
	}
	if b.phase == searching && end && b.seen == len(b.held) {
		b.judge(b.scan.end())
	}
	if b.phase != done {
		b.release(passed)
	}
}

func (b *body) judge(v verdict) {
	switch v {
	case here:
		b.phase = found
	case never:
		b.phase = done
		b.out, b.held = append(b.out, b.held...), nil
	}
}

// release lets n of the held bytes go.
func (b *body) release(n int) {
	b.out = append(b.out, b.held[:n]...)
	b.held = append(b.held[:0], b.held[n:]...)
	b.seen -= n
	b.offset = min(b.offset+n, window)
}

// insert writes the script in front of what is held.
func (b *body) insert(end bool) {
	label := ""
	if b.unit == bytewise && !b.declared.settled && !b.scan.declared && b.offset < window {
		left := window - b.offset
		declared, ok := declaration(b.held[:min(left, len(b.held))], end || len(b.held) >= left)
		if !ok {
			return
		}
		label = declared
	}
	b.out = append(b.out, b.unit.encode(snippet(b.page, b.nonce, label))...)
	b.out = append(b.out, b.held...)
	b.phase, b.held = done, nil
}
