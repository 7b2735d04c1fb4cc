package avatar

import (
	"encoding/binary"
	"errors"
)

// stillWebP returns a WebP file as it is, or, of an animated one, a file of its first
// frame (RFC 9649 section 2.7).
func stillWebP(raw []byte) ([]byte, error) {
	chunks := raw[12:]
	name, body, rest := riffChunk(chunks)
	const animated = 1 << 1
	if name != "VP8X" || len(body) < 10 || body[0]&animated == 0 {
		return raw, nil
	}
	for ; rest != nil; _, _, rest = riffChunk(rest) {
		if name, body, _ = riffChunk(rest); name == "ANMF" {
			return frameFile(body)
		}
	}
	return nil, errors.New("an animation without a frame")
}

// frameFile makes a file of an ANMF chunk: its size, and what of it draws.
func frameFile(frame []byte) ([]byte, error) {
	const header, alpha = 16, 1 << 4
	if len(frame) < header {
		return nil, errors.New("a frame without a header")
	}
	extended := make([]byte, 10)
	copy(extended[4:], frame[6:12]) // width and height, minus one, in 24 bits each
	var drawn []byte
	for rest := frame[header:]; rest != nil; {
		var name string
		var body []byte
		name, body, rest = riffChunk(rest)
		switch name {
		case "ALPH":
			extended[0] |= alpha
			drawn = appendChunk(drawn, name, body)
		case "VP8 ", "VP8L":
			drawn = appendChunk(drawn, name, body)
			rest = nil
		}
	}
	if drawn == nil {
		return nil, errors.New("a frame without a picture")
	}
	whole := appendChunk([]byte("WEBP"), "VP8X", extended)
	return appendChunk(nil, "RIFF", append(whole, drawn...)), nil
}

// riffChunk takes the first chunk off a list; rest is nil after the last and where there
// is no whole one.
func riffChunk(list []byte) (name string, body, rest []byte) {
	if len(list) < 8 {
		return "", nil, nil
	}
	size := uint64(binary.LittleEndian.Uint32(list[4:]))
	if size > uint64(len(list)-8) {
		return "", nil, nil
	}
	name, body, rest = string(list[:4]), list[8:8+size], list[8+size:]
	if size%2 == 1 && len(rest) > 0 {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		rest = nil
	}
	return name, body, rest
}

func appendChunk(to []byte, name string, body []byte) []byte {
	to = append(to, name...)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(body)))
	to = append(to, body...)
	if len(body)%2 == 1 {
		to = append(to, 0)
	}
	return to
}
