package audit

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func someEvent(seq int64) Event {
	return Event{
		Seq: seq, ID: NewID(), At: time.Date(2026, 11, 22, 3, 0, 0, 123456000, time.UTC), Type: "session.opened", Actor: ActorPerson,
		Account: "acc", Handle: "ann", Detail: map[string]string{"k": "v"}, Personal: &Personal{Name: "<张伟> & Co", UserAgent: "x"},
	}
}

func lineOf(t testing.TB, e Event) []byte {
	t.Helper()
	b, err := AppendLine(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestALineIsReadAsItWasWrittenAndShowsNothingHidden(t *testing.T) {
	want := someEvent(7)
	want.Personal.UserAgent = "a\u202eb\u200bc\x1b[2J\n\U000e0041é"
	text := lineOf(t, want)
	if bytes.Count(text, []byte{'\n'}) != 1 || !bytes.HasSuffix(text, []byte{'\n'}) || !bytes.Contains(text, []byte("<张伟> & Co")) {
		t.Errorf("%s", text)
	}
	for _, r := range strings.TrimSuffix(string(text), "\n") {
		if !unicode.IsGraphic(r) {
			t.Errorf("%U stands in the line", r)
		}
	}
	got, err := ParseLine(bytes.TrimSuffix(text, []byte{'\n'}))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestOtherTextIsNoTrail(t *testing.T) {
	for _, text := range []string{
		"", "{}", "root:x:0:0", `{"seq":1}`, `{"seq":0,"id":"a","type":"x"}`, `{"seq":"1","id":"a","type":"x"}`, `{"seq":1,"id":"a","type":"x"} {}`, `{"seq":1,"id":"a","type":"x"`,
	} {
		if e, err := ParseLine([]byte(text)); !errors.Is(err, ErrNotTrail) {
			t.Errorf("%q: %+v, %v", text, e, err)
		}
	}
	if _, err := ParseLine([]byte(`{"seq":1,"id":"a","type":"x","from_a_later_version":[1]}`)); err != nil {
		t.Errorf("a later version's line: %v", err)
	}
}

func TestATrailIsReadFromItsEndWhateverACrashLeft(t *testing.T) {
	var whole []byte
	for seq := range int64(200) {
		whole = append(whole, lineOf(t, someEvent(seq+1))...)
	}
	next := lineOf(t, someEvent(201))
	for name, rest := range map[string]string{
		"nothing": "", "one byte": "{", "half a line": string(next[:len(next)/2]), "a line without its newline": strings.TrimSuffix(string(next), "\n"),
		"zeros": strings.Repeat("\x00", 20000), "half a line and zeros": string(next[:30]) + "\x00\x00",
	} {
		text := append(bytes.Clone(whole), rest...)
		tail, err := NewTail(bytes.NewReader(text), int64(len(text)))
		if err != nil || tail.Whole() != int64(len(whole)) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for want := int64(200); want > 0; want-- {
			if e, err := tail.Prev(); err != nil || e.Seq != want {
				t.Fatalf("%s: %d, %v; want %d", name, e.Seq, err, want)
			}
		}
		if _, err := tail.Prev(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v before the first line", name, err)
		}
	}
	for name, text := range map[string]string{
		"prose": "hello", "prose behind lines": string(whole) + "hello", "one endless line": strings.Repeat("x", 2*maxLine),
	} {
		if _, err := NewTail(strings.NewReader(text), int64(len(text))); !errors.Is(err, ErrNotTrail) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tail, err := NewTail(strings.NewReader("root:x:0:0\n"), 11)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tail.Prev(); !errors.Is(err, ErrNotTrail) {
		t.Errorf("another file's line: %v", err)
	}
}

func FuzzTheEndOfAFileIsReadOrRefused(f *testing.F) {
	good := lineOf(f, someEvent(1))
	f.Add(good)
	f.Add(append(bytes.Clone(good), good[:20]...))
	f.Add([]byte("\n\n\x00"))
	f.Add([]byte(`{"seq":1,"id":"a","type":"x"}` + "\n" + `{"se`))
	f.Fuzz(func(t *testing.T, text []byte) {
		tail, err := NewTail(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		whole := tail.Whole()
		if whole > int64(len(text)) || whole > 0 && text[whole-1] != '\n' || bytes.IndexByte(text[whole:], '\n') >= 0 {
			t.Fatalf("whole lines end at %d of %q", whole, text)
		}
		var lines int
		for {
			e, err := tail.Prev()
			if err != nil {
				if errors.Is(err, io.EOF) && lines != bytes.Count(text[:whole], []byte{'\n'}) {
					t.Errorf("%d lines read of %q", lines, text)
				}
				return
			}
			lines++
			if e.Seq < 1 || e.ID == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
