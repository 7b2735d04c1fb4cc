package proxy

import "encoding/binary"

// frames follows the frames of one direction of a WebSocket (RFC 6455 section 5.2)
// through whatever pieces they arrive in. It looks at headers only. The zero value
// stands before the first frame.
type frames struct {
	left   uint64 // bytes of the present frame's payload that are still to come
	have   uint8  // bytes of a header that have come
	broken bool   // what came is no frame: nothing can be told from here on
	header [14]byte
}

// head is what a frame's header says.
type head struct {
	opcode byte
	size   uint64
}

// data tells whether the frame carries (a part of) a message.
func (h head) data() bool { return h.opcode < 8 }

// boundary tells whether a frame of our own may stand here.
func (f *frames) boundary() bool { return !f.broken && f.left == 0 && f.have == 0 }

// next consumes bytes of p up to the end of a header or of a payload. It returns how
// many, and the header when it is complete with them.
func (f *frames) next(p []byte) (n int, h head, complete bool) {
	if f.broken {
		return len(p), head{}, false
	}
	if f.left > 0 {
		n = len(p)
		if uint64(n) > f.left {
			n = int(f.left)
		}
		f.left -= uint64(n)
		return n, head{}, false
	}
	for n < len(p) {
		f.header[f.have] = p[n]
		f.have++
		n++
		if f.have >= 2 && f.have == f.length() {
			h = f.read()
			return n, h, !f.broken
		}
	}
	return n, head{}, false
}

// length is how long the present header is, known from its second byte on.
func (f *frames) length() uint8 {
	n := uint8(2)
	switch f.header[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.header[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// read takes the complete header and begins its payload.
func (f *frames) read() head {
	h := head{opcode: f.header[0] & 0x0f, size: uint64(f.header[1] & 0x7f)}
	switch h.size {
	case 126:
		h.size = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		h.size = binary.BigEndian.Uint64(f.header[2:])
	}
	// Control frames are short and whole (section 5.5); lengths have 63 bits.
	control := h.opcode >= 8
	f.broken = h.size>>63 != 0 || control && (h.size > 125 || f.header[0]&0x80 == 0)
	f.left, f.have = h.size, 0
	return h
}

// closeFrame makes a close frame (section 5.5.1). Frames of a client are masked; a mask
// of zeros will do for one that an intermediary makes up itself.
func closeFrame(code uint16, reason string, masked bool) []byte {
	if len(reason) > 123 {
		reason = reason[:123]
	}
	b := []byte{0x88, byte(2 + len(reason))}
	if masked {
		b[1] |= 0x80
		b = append(b, 0, 0, 0, 0)
	}
	b = binary.BigEndian.AppendUint16(b, code)
	return append(b, reason...)
}

// textFrame makes a whole text message of a server (section 5.6); nothing of "". It is
// cut where it would need more than the shortest form of length.
func textFrame(message string) []byte {
	if message == "" {
		return nil
	}
	if len(message) > 125 {
		message = message[:125]
	}
	return append([]byte{0x81, byte(len(message))}, message...)
}
