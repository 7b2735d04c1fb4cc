package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// smallBody is what the app says.
var smallBody = `{"items":[{"id":1,"title":"first"},{"id":2,"title":"second"},{"id":3,"title":"third"}],"next":null,"total":3}` + "\n"

var smallAnswer = []byte("HTTP/1.1 200 OK\r\n" +
	"Content-Length: " + strconv.Itoa(len(smallBody)) + "\r\n" +
	"Content-Type: application/json\r\n" +
	"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n" +
	"Vary: Accept-Encoding\r\n\r\n" + smallBody)

// upstream speaks as much HTTP/1.1 as bodyless requests need.
type upstream struct {
	keep atomic.Bool // record the next request
	mu   sync.Mutex
	wire []byte
}

// last returns the latest recorded request and records the next one.
func (u *upstream) last() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	wire := u.wire
	u.wire = nil
	u.keep.Store(true)
	return wire
}

func (u *upstream) answer(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 64<<10)
	n := 0
	for {
		k, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		n += k
		if !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
			if n == len(buf) {
				return
			}
			continue
		}
		if u.keep.CompareAndSwap(true, false) {
			u.mu.Lock()
			u.wire = bytes.Clone(buf[:n])
			u.mu.Unlock()
		}
		if key, ok := headerIn(buf[:n], "Sec-WebSocket-Key"); ok {
			u.socket(c, key)
			return
		}
		answer := smallAnswer
		if bytes.HasPrefix(buf[:n], []byte("GET "+loginPath+" ")) {
			answer = loginAnswer
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
		n = 0
	}
}

// socket agrees to a WebSocket and answers message by message until the other side is done.
func (u *upstream) socket(c net.Conn, key string) {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 section 4.2.2
	if _, err := io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\nUpgrade: websocket\r\n\r\n"); err != nil {
		return
	}
	var small [64]byte
	for got := 0; ; {
		n, err := c.Read(small[:])
		if err != nil || (n > 0 && small[0] == closeFrame) {
			return
		}
		if got += n; got >= len(question) {
			got -= len(question)
			if _, err := c.Write(reply1K); err != nil {
				return
			}
		}
	}
}

// question and reply1K are messages of 1 KiB (RFC 6455 section 5.2). The client's mask
// is zero, which an idle measurement has no reason to mind.
var (
	question = append([]byte{0x82, 0x80 | 126, 4, 0, 0, 0, 0, 0}, make([]byte, 1<<10)...)
	reply1K  = append([]byte{0x82, 126, 4, 0}, make([]byte, 1<<10)...)
)

const closeFrame = 0x88 // a whole close frame's first byte (RFC 6455 section 5.2)

// headerIn finds a header's value in a head as it is on the wire.
func headerIn(head []byte, name string) (string, bool) {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}
