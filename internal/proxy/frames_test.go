package proxy

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// frame makes a frame as an endpoint would.
func frame(first byte, size int, masked bool) []byte {
	b := []byte{first, 0}
	switch {
	case size < 126:
		b[1] = byte(size)
	case size < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(size))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(size))
	}
	if masked {
		b[1] |= 0x80
		b = append(b, 1, 2, 3, 4)
	}
	return append(b, bytes.Repeat([]byte{0x81}, size)...)
}

func TestFramesAreFollowedHoweverTheyArrive(t *testing.T) {
	sizes := []int{0, 1, 4, 5, 125, 126, 127, 1000, 65535, 65536, 70000}
	for _, masked := range []bool{false, true} {
		var stream []byte
		var ends []int
		for _, n := range sizes {
			stream = append(stream, frame(0x82, n, masked)...)
			ends = append(ends, len(stream))
		}
		for _, piece := range []int{1, 2, 3, 7, 512, 4096, len(stream)} {
			var f frames
			var heads []uint64
			for at := 0; at < len(stream); {
				p := stream[at:min(at+piece, len(stream))]
				for len(p) > 0 {
					n, h, complete := f.next(p)
					if complete {
						heads = append(heads, h.size)
					}
					at, p = at+n, p[n:]
					isEnd := false
					for _, e := range ends {
						isEnd = isEnd || e == at
					}
					if f.boundary() != isEnd {
						t.Fatalf("pieces of %d: at %d boundary is %v", piece, at, f.boundary())
					}
				}
			}
			if len(heads) != len(sizes) {
				t.Fatalf("pieces of %d: %d frames, want %d", piece, len(heads), len(sizes))
			}
			for i, n := range sizes {
				if heads[i] != uint64(n) {
					t.Errorf("frame %d has size %d, want %d", i, heads[i], n)
				}
			}
		}
	}
}

func TestWhatIsNoFrameHasNoBoundary(t *testing.T) {
	for name, b := range map[string][]byte{
		"long control frame":       {0x89, 126, 0, 200},
		"fragmented control frame": {0x09, 0},
		"length of 64 bits":        {0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0},
	} {
		var f frames
		for len(b) > 0 {
			n, _, _ := f.next(b)
			b = b[n:]
		}
		if f.boundary() {
			t.Errorf("%s: taken for a frame", name)
		}
	}
}

func TestCloseFrames(t *testing.T) {
	if got, want := closeFrame(1008, "bye", false), []byte("\x88\x05\x03\xf0bye"); !bytes.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := closeFrame(1001, "", true), []byte("\x88\x82\x00\x00\x00\x00\x03\xe9"); !bytes.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	long := closeFrame(1008, string(bytes.Repeat([]byte("x"), 500)), false)
	if len(long) != 127 {
		t.Errorf("a control frame of %d bytes", len(long))
	}
}

// Any bytes are consumed to the last one, in any pieces, with the same outcome.
func FuzzFrames(f *testing.F) {
	f.Add(frame(0x81, 5, true), uint8(1))
	f.Add(append(frame(0x82, 200, false), frame(0x88, 2, true)...), uint8(3))
	f.Add([]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		run := func(size int) (frames, int) {
			var s frames
			count := 0
			for at := 0; at < len(b); {
				p := b[at:min(at+size, len(b))]
				n, _, complete := s.next(p)
				if n <= 0 || n > len(p) {
					t.Fatalf("consumed %d of %d", n, len(p))
				}
				if complete {
					count++
				}
				at += n
			}
			return s, count
		}
		whole, frames1 := run(max(1, len(b)))
		parts, frames2 := run(int(piece)%16 + 1)
		if whole.boundary() != parts.boundary() || whole.left != parts.left || frames1 != frames2 {
			t.Errorf("pieces matter: %v %v, %d %d", whole.boundary(), parts.boundary(), frames1, frames2)
		}
	})
}
