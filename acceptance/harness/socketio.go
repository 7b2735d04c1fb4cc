package harness

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// ChatSocket is a socket.io connection to Chainlit as its page makes it
// (Engine.IO 4), by WebSocket or by long-polling.
type ChatSocket struct {
	person *Person
	base   string // origin of the chat
	sid    string
	conn   *websocket.Conn // nil when polling
	queue  []string        // packets that came together in one poll
}

const engineIO = "/ws/socket.io/?EIO=4&transport="

// StatusError is an HTTP status that refused a socket.
type StatusError struct {
	Status   int
	Location string
}

// Error says the status.
func (e *StatusError) Error() string { return fmt.Sprintf("refused with status %d", e.Status) }

// DialChat opens the chat's WebSocket and joins the default namespace.
func (p *Person) DialChat(ctx context.Context, base string) (*ChatSocket, error) {
	target := strings.Replace(base, "http", "ws", 1) + engineIO + "websocket"
	conn, res, err := p.Dial(ctx, target, nil)
	if err != nil {
		if res != nil {
			return nil, &StatusError{res.StatusCode, res.Header.Get("Location")}
		}
		return nil, err
	}
	s := &ChatSocket{person: p, base: base, conn: conn}
	if _, err := s.Next(ctx); err != nil { // 0{…}: open
		return nil, err
	}
	return s, s.join(ctx)
}

// PollChat opens the chat by long-polling and joins the default namespace.
func (p *Person) PollChat(ctx context.Context, base string) (*ChatSocket, error) {
	s := &ChatSocket{person: p, base: base}
	open, err := s.exchange(ctx, http.MethodGet, "")
	if err != nil {
		return nil, err
	}
	var hello struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(open, "0")), &hello); err != nil || hello.SID == "" {
		return nil, fmt.Errorf("socket.io said %.60q: %w", open, errors.Join(err))
	}
	s.sid = hello.SID
	return s, s.join(ctx)
}

// join connects the namespace with what Chainlit's page sends, and waits for the
// confirmation.
func (s *ChatSocket) join(ctx context.Context) error {
	auth, err := json.Marshal(map[string]string{
		"clientType": "webapp", "sessionId": newUUID(),
		"threadId": "", "userEnv": "{}", "chatProfile": "",
	})
	if err != nil {
		return err
	}
	if err := s.send(ctx, "40"+string(auth)); err != nil {
		return err
	}
	for {
		packet, err := s.Next(ctx)
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(packet, "40"):
			return s.send(ctx, `42["connection_successful"]`)
		case strings.HasPrefix(packet, "44"):
			return fmt.Errorf("the chat refused the socket: %.200s", packet)
		}
	}
}

// Say sends a chat message as the page does.
func (s *ChatSocket) Say(ctx context.Context, text string) error {
	message, err := json.Marshal([]any{"client_message", map[string]any{
		"message": map[string]any{
			"id": newUUID(), "threadId": "", "name": s.person.Name,
			"type": "user_message", "output": text, "createdAt": time.Now().UTC().Format(time.RFC3339Nano),
		},
		"fileReferences": []any{},
	}})
	if err != nil {
		return err
	}
	return s.send(ctx, "42"+string(message))
}

// Next returns the next packet that is not a ping, which it answers.
func (s *ChatSocket) Next(ctx context.Context) (string, error) {
	for {
		packet, err := s.receive(ctx)
		if err != nil {
			return "", err
		}
		if packet != "2" {
			return packet, nil
		}
		if err := s.send(ctx, "3"); err != nil {
			return "", err
		}
	}
}

// Close drops the connection without a word.
func (s *ChatSocket) Close() {
	if s.conn != nil {
		_ = s.conn.CloseNow()
	}
}

func (s *ChatSocket) receive(ctx context.Context) (string, error) {
	if s.conn == nil {
		if len(s.queue) == 0 {
			body, err := s.exchange(ctx, http.MethodGet, "")
			if err != nil {
				return "", err
			}
			s.queue = strings.Split(body, "\x1e")
		}
		packet := s.queue[0]
		s.queue = s.queue[1:]
		return packet, nil
	}
	_, data, err := s.conn.Read(ctx)
	return string(data), err
}

func (s *ChatSocket) send(ctx context.Context, packet string) error {
	if s.conn == nil {
		_, err := s.exchange(ctx, http.MethodPost, packet)
		return err
	}
	return s.conn.Write(ctx, websocket.MessageText, []byte(packet))
}

func (s *ChatSocket) exchange(ctx context.Context, method, packet string) (string, error) {
	target := s.base + engineIO + "polling"
	if s.sid != "" {
		target += "&sid=" + s.sid
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(packet))
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "*/*")
	s.person.mark(req, "cors", "empty", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Origin", s.base)
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	res, err := s.person.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", &StatusError{res.StatusCode, res.Header.Get("Location")}
	}
	return string(body), nil
}

// newUUID makes a version 4 UUID (RFC 9562), which Chainlit demands of messages.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
