package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// ledger takes events, unless it is down; hanging, it answers nothing for two seconds.
type ledger struct {
	mu    sync.Mutex
	list  []Event
	ids   map[string]bool
	err   error
	lossy bool // takes them, and says that it did not
	hang  bool
	calls int
}

func (l *ledger) Record(ctx context.Context, _ time.Time, events ...Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.hang {
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
		l.mu.Lock()
		return errors.New("no answer")
	}
	if l.err != nil && !l.lossy {
		return l.err
	}
	for _, e := range events {
		if err := Check(Fitted(e, time.Now())); err != nil {
			return err
		}
		if !l.ids[e.ID] {
			l.ids[e.ID] = true
			l.list = append(l.list, e)
		}
	}
	return l.err
}

func (l *ledger) set(err error, lossy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.lossy = err, lossy
}

func (l *ledger) count(t Type) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.list {
		if e.Type == t {
			n++
		}
	}
	return n
}

// keeping runs a keeper on a ledger in a bubble.
func keeping(t *testing.T, do func(t *testing.T, k *Keeper, l *ledger, stop func(), logs *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, logs := &ledger{ids: map[string]bool{}}, &bytes.Buffer{}
		k, err := NewKeeper(KeeperOptions{Writer: l, Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { k.Run(ctx); close(done) }()
		stop := func() { cancel(); <-done }
		defer stop()
		do(t, k, l, stop, logs)
	})
}

func refusedFor(cause string) Event {
	return Event{Type: SigninRefused, Actor: ActorPerson, Cause: cause}
}

func TestAFloodOfCheapRefusalsIsToldByItsNumber(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), _ *bytes.Buffer) {
		for range 1000 {
			for _, cause := range []string{"other-browser", "used"} {
				if err := k.Record(t.Context(), time.Now(), refusedFor(cause)); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 100 { // these take somebody whom a provider knows
			if err := k.Record(t.Context(), time.Now(), refusedFor("denied")); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.count(SigninRefused); n != 2*perMinute+100 || l.count(SigninRefusals) != 0 {
			t.Errorf("%d refusals are told at once", n)
		}
		began := time.Now().UTC().Format(time.RFC3339)
		time.Sleep(time.Minute + 2*time.Second) // nobody comes any more
		synctest.Wait()
		if l.count(SigninRefusals) != 2 {
			t.Fatalf("%d", l.count(SigninRefusals))
		}
		for _, e := range l.list[len(l.list)-2:] {
			if diff := cmp.Diff(map[string]string{"count": "940", "since": began}, e.Detail); diff != "" {
				t.Error(diff)
			}
		}
		// The next minute counts anew.
		if err := k.Record(t.Context(), time.Now(), refusedFor("used")); err != nil || l.count(SigninRefused) != 2*perMinute+101 {
			t.Errorf("%v, %d", err, l.count(SigninRefused))
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if l.count(SigninRefusals) != 2 {
			t.Error("a quiet minute is told")
		}
	})
}

func TestAFloodThatGoesOnForDaysFillsNoDisk(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), _ *bytes.Buffer) {
		const days, rate = 2, 70 // in a minute
		refused := 0
		for range days * 24 * 60 {
			for range rate {
				if err := k.Record(t.Context(), time.Now(), refusedFor("other-browser")); err != nil {
					t.Fatal(err)
				}
				refused++
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		one, counted := l.count(SigninRefused), 0
		for _, e := range l.list {
			if e.Type == SigninRefusals {
				n, err := strconv.Atoi(e.Detail["count"])
				if err != nil {
					t.Fatal(err)
				}
				counted += n
			}
		}
		if one > (days+1)*perDay || l.count(SigninRefusals) > days*24*60+1 {
			t.Errorf("%d events one by one, and %d numbers", one, l.count(SigninRefusals))
		}
		if one+counted != refused {
			t.Errorf("%d and %d were told of %d", one, counted, refused)
		}
	})
}

// An answer to a linking can be sent again and again without the session that asked.
func TestAFloodOfLinkingsThatNoSessionAsksForIsToldByItsNumber(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), _ *bytes.Buffer) {
		for range 500 {
			for _, cause := range []string{"session-gone", "other-account"} {
				if err := k.Record(t.Context(), time.Now(), Event{Type: IdentityLinkRefused, Actor: ActorPerson, Cause: cause}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := l.count(IdentityLinkRefused); n != 2*perMinute {
			t.Errorf("%d refusals are told at once", n)
		}
		time.Sleep(time.Minute + 2*time.Second)
		synctest.Wait()
		if n := l.count(SigninRefusals); n != 2 {
			t.Errorf("%d numbers are told", n)
		}
	})
}

func TestAStoreThatIsDownLosesNoRefusalAndKeepsNobodyWaiting(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), logs *bytes.Buffer) {
		l.set(errors.New("disk full"), true) // it took the first, and nobody knows
		for i := range 50 {
			at := time.Now()
			if err := k.Record(t.Context(), at, refusedFor("denied")); err == nil || time.Since(at) > 0 {
				t.Fatalf("%d: %v after %v", i, err, time.Since(at))
			}
		}
		if l.calls != 1 || strings.Count(logs.String(), "level=ERROR") != 1 {
			t.Errorf("asked %d times, and logged\n%s", l.calls, logs)
		}
		l.set(errors.New("disk full"), false)
		time.Sleep(10 * time.Second)
		l.set(nil, false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := l.count(SigninRefused); n != 50 {
			t.Errorf("%d are told", n)
		}
		if err := k.Record(t.Context(), time.Now(), refusedFor("denied")); err != nil || l.count(SigninRefused) != 51 || !strings.Contains(logs.String(), "written again") {
			t.Errorf("%v\n%s", err, logs)
		}
	})
}

func TestWhatThereWasNoRoomForIsTold(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), _ *bytes.Buffer) {
		l.set(errors.New("down"), false)
		for range maxWaiting + 120 {
			_ = k.Record(t.Context(), time.Now(), refusedFor("denied"))
		}
		time.Sleep(time.Minute)
		l.set(nil, false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if l.count(SigninRefused) != maxWaiting || l.count(EventsLost) != 1 {
			t.Fatalf("%d kept, %d times told", l.count(SigninRefused), l.count(EventsLost))
		}
		for _, e := range l.list {
			if e.Type == EventsLost && e.Detail["count"] != "120" {
				t.Errorf("%+v", e)
			}
		}
	})
}

func TestAStopWritesWhatWaitsAndSaysWhatIsLost(t *testing.T) {
	for _, down := range []bool{false, true} {
		keeping(t, func(t *testing.T, k *Keeper, l *ledger, stop func(), logs *bytes.Buffer) {
			for range 100 {
				_ = k.Record(t.Context(), time.Now(), refusedFor("used"))
			}
			if down {
				l.set(errors.New("down"), false)
				_ = k.Record(t.Context(), time.Now(), refusedFor("denied"))
			}
			stop()
			if told := l.count(SigninRefusals); told == 1 == down {
				t.Errorf("down %v: %d", down, told)
			}
			if strings.Contains(logs.String(), "lost") != down {
				t.Errorf("down %v:\n%s", down, logs)
			}
		})
	}
}

func TestAHangingStoreHoldsUpOneRefusalAndNoStop(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, stop func(), _ *bytes.Buffer) {
		l.hang = true
		gone, cancel := context.WithCancel(t.Context())
		cancel() // whoever caused it has gone
		at := time.Now()
		if err := k.Record(gone, at, refusedFor("denied")); err == nil || time.Since(at) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(at))
		}
		at = time.Now()
		if _ = k.Record(t.Context(), at, refusedFor("denied")); time.Since(at) != 0 {
			t.Errorf("the second waited %v", time.Since(at))
		}
		at = time.Now()
		if stop(); time.Since(at) > lastKeep+2*time.Second {
			t.Errorf("a stop took %v", time.Since(at))
		}
	})
}

func TestAnUnknownTypeIsTheCallersMistake(t *testing.T) {
	keeping(t, func(t *testing.T, k *Keeper, l *ledger, _ func(), _ *bytes.Buffer) {
		if err := k.Record(t.Context(), time.Now(), Event{Type: "x"}); !errors.Is(err, ErrType) {
			t.Error(err)
		}
		if err := k.Record(t.Context(), time.Now(), refusedFor("denied")); err != nil || l.count(SigninRefused) != 1 {
			t.Error("one mistake holds up the rest")
		}
	})
}

func TestWhoActsTravelsWithTheContext(t *testing.T) {
	ctx := WithActor(t.Context(), ActorOperator, "uid 1000")
	if actor, by := ActorOf(context.WithoutCancel(ctx)); actor != ActorOperator || by != "uid 1000" {
		t.Error(actor, by)
	}
	if actor, by := ActorOf(t.Context()); actor != "" || by != "" {
		t.Error(actor, by)
	}
}

func TestActorClientAndSessionLeaveEachOtherAloneInAnyOrder(t *testing.T) {
	actor := func(ctx context.Context) context.Context { return WithActor(ctx, ActorPerson, "by") }
	client := func(ctx context.Context) context.Context { return WithClient(ctx, "192.0.2.7", "browser") }
	in := func(ctx context.Context) context.Context { return InSession(ctx, "s1") }
	for _, order := range [][]func(context.Context) context.Context{
		{actor, client, in}, {actor, in, client}, {client, actor, in}, {client, in, actor}, {in, actor, client}, {in, client, actor},
	} {
		ctx := InSession(WithClient(WithActor(t.Context(), ActorGateway, ""), "old", "old"), "old")
		for _, with := range order {
			ctx = with(ctx)
		}
		var got [5]string
		got[0], got[1] = ActorOf(ctx)
		got[2], got[3] = ClientOf(ctx)
		got[4] = SessionOf(ctx)
		if got != [5]string{ActorPerson, "by", "192.0.2.7", "browser", "s1"} {
			t.Errorf("the context tells %q", got)
		}
	}
	if address, browser := ClientOf(t.Context()); address+browser+SessionOf(t.Context()) != "" {
		t.Error("a context that was told nothing tells something")
	}
}

func TestEventIdsAreRandomAndOfOneAlphabet(t *testing.T) {
	a, b := NewID(), NewID()
	if a == b || len(a) < 26 || strings.Trim(a+b, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("%s, %s", a, b)
	}
}

func FuzzEventsAreKeptBoundedAndOnOneLine(f *testing.F) {
	f.Add("Ann", "rule", "access.emails")
	f.Add("\u202ennA\r\n{\"seq\":1}", "code", "x")
	f.Add("bearer\x00abcdefghij", "a", strings.Repeat("eyJhbGciOi", 1000))
	f.Add(strings.Repeat("\xff安", 9000), "Set-Cookie", "a=b")
	f.Fuzz(func(t *testing.T, name, key, value string) {
		e := Event{Type: SigninRefused, Cause: name, Handle: value, Detail: map[string]string{key: value, "rule": name},
			Personal: &Personal{Name: name, Email: value, UserAgent: name + value}}
		got := Fitted(e, exampleTime)
		text := fmt.Sprint(got, got.Detail)
		if got.Personal != nil {
			text += fmt.Sprint(*got.Personal)
		}
		for _, r := range text {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q", text)
			}
		}
		if !utf8.ValidString(text) || len(text) > 6000 {
			t.Fatalf("%q", text)
		}
		if v, ok := got.Detail[key]; ok && SecretName(key) && v != Redacted {
			t.Fatalf("%q under %q", v, key)
		}
		if diff := cmp.Diff(got, Fitted(got, exampleTime.Add(time.Hour))); diff != "" {
			t.Fatalf("kept twice it is another event\n%s", diff)
		}
		line, err := AppendLine(nil, Event{Seq: 1, ID: got.ID, Type: got.Type, At: got.At, Detail: got.Detail, Personal: got.Personal})
		if err != nil || strings.Count(string(line), "\n") != 1 {
			t.Fatalf("%q, %v", line, err)
		}
	})
}
