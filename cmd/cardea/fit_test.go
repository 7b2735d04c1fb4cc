package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

// shownTrail is a page as a terminal of some width shows it.
func shownTrail(t *testing.T, screen int, follow, wide bool, pages ...[]audit.Event) []string {
	t.Helper()
	tab := (&reach{p: process{out: &bytes.Buffer{}}, wide: wide}).trailTable()
	tab.screen = screen
	if follow {
		tab.keep()
	}
	var out bytes.Buffer
	for _, page := range pages {
		if err := tab.print(&out, page); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func refusals() []audit.Event {
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	return []audit.Event{
		{Seq: 1, At: at, Type: audit.ConfigChanged, Actor: audit.ActorGateway, Detail: map[string]string{"changes": "apps[chat].access, providers[main].scopes"}},
		{Seq: 2, At: at, Type: audit.AdminActed, Actor: audit.ActorOperator, By: "uid 1000", Handle: "ann", Account: "6q3hvx2k7mzt4bnd5wyc2ra7ue", Session: "x4m2t7bqk5wz3ndc6yv7hra2ue",
			Detail: map[string]string{"verb": "sessions.end"}},
		{Seq: 3, At: at, Type: audit.SigninRefused, Actor: audit.ActorPerson, Provider: "keycloak", Cause: "denied", Incident: "mzxw6ytboi5gk3dp",
			Personal: &audit.Personal{Email: "eve@example.net", Address: "2001:db8:85a3:8d3:1319:8a2e:370:7348", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}},
	}
}

func TestTheTrailFitsTheTerminalAndKeepsWhoAndWhy(t *testing.T) {
	for _, screen := range []int{80, 100, 120, 160, 200} {
		for _, follow := range []bool{false, true} {
			lines := shownTrail(t, screen, follow, false, refusals())
			for i, l := range lines {
				if widthOf(l) > screen {
					t.Errorf("%d columns for %d: %q", widthOf(l), screen, l)
				}
				for _, want := range [][]string{{"WHO", "ACCOUNT", "WHY"}, {"gateway", "apps[chat]"}, {"uid 1000", "ann"}, {"eve@exa", "denied"}}[i] {
					if !strings.Contains(l, want) {
						t.Errorf("%d: %q lacks %q", screen, l, want)
					}
				}
			}
			if screen >= 120 && !strings.Contains(lines[3], "mzxw6ytboi5gk3dp") {
				t.Errorf("%d: the reference is cut or missing: %q", screen, lines[3])
			}
			if screen == 200 && (!strings.Contains(lines[0], "SESSION") || !strings.Contains(lines[2], "x4m2t7bq") || strings.Contains(lines[2], "x4m2t7bqk")) {
				t.Errorf("the session's first characters are missing: %q", lines[2])
			}
		}
	}
}

func TestWhatNobodyHasTakesNoRoomInATerminalAndStaysForPrograms(t *testing.T) {
	list := refusals()[:1]
	if lines := shownTrail(t, 120, false, false, list); strings.Contains(lines[0], "PROVIDER") || strings.Contains(lines[0], "REFERENCE") {
		t.Errorf("empty columns: %q", lines[0])
	}
	if lines := shownTrail(t, 0, false, false, list); !strings.HasSuffix(lines[0], "PROVIDER  FROM  WHY                                        REFERENCE  SESSION") {
		t.Errorf("%q", lines[0])
	}
	if lines := shownTrail(t, 0, false, true, refusals()); !strings.Contains(lines[2], "x4m2t7bqk5wz3ndc6yv7hra2ue") || !strings.Contains(lines[0], "TYPE") || !strings.Contains(lines[3], "2001:db8:85a3:8d3:1319:8a2e:370:7348, Firefox on Linux") {
		t.Errorf("--wide leaves things out: %q", lines)
	}
}

func TestAFollowedTrailStandsUnderItsHeadingsWhateverComes(t *testing.T) {
	long := refusals()
	long[1].Handle = strings.Repeat("long-handle-", 6)
	for _, screen := range []int{0, 80, 120, 160} {
		lines := shownTrail(t, screen, true, false, nil, refusals()[:1], long[1:2], refusals()[2:])
		why := strings.Index(lines[0], "WHY")
		for _, n := range []int{1, 3} { // the long one itself may stand apart in a pipe
			if want, row := map[int]string{1: "apps[chat]", 3: "denied"}[n], []rune(lines[n]); !strings.HasPrefix(string(row[min(why, len(row)):]), want) {
				t.Errorf("%d: not under its heading\n%s\n%s", screen, lines[0], lines[n])
			}
		}
		if screen > 0 && widthOf(lines[2]) > screen {
			t.Errorf("%d: %q", screen, lines[2])
		}
	}
}

func TestIdsAreWholeOrLeftOut(t *testing.T) {
	for screen := 20; screen < 180; screen++ {
		tab := newTable(&bytes.Buffer{}, yield{"ACCOUNT", 0}, yield{"NAME", 8})
		tab.screen = screen
		tab.row("HANDLE", "NAME", "STATE", "ACCOUNT")
		tab.row("ann", strings.Repeat("Ann Lee ", 10), "active", "6q3hvx2k7mzt4bnd5wyc2ra7ue")
		var out bytes.Buffer
		if err := tab.write(&out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if strings.Contains(text, "6q") != strings.Contains(text, "6q3hvx2k7mzt4bnd5wyc2ra7ue") || strings.Contains(text, "ACCOUNT") != strings.Contains(text, "6q") {
			t.Errorf("%d:\n%s", screen, text)
		}
		if widthOf(strings.SplitN(text, "\n", 3)[1]) > screen {
			t.Errorf("%d:\n%s", screen, text)
		}
	}
}

func TestTheZoneOfTimesIsNamed(t *testing.T) {
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	summer := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		seconds int
		want    string
	}{{0, "UTC"}, {3600, "UTC+1"}, {-9 * 3600, "UTC-9"}, {5*3600 + 45*60, "UTC+5:45"}, {-30 * 60, "UTC-0:30"}} {
		time.Local = time.FixedZone("", tc.seconds)
		if got := zone(summer, summer); got != tc.want {
			t.Errorf("%d: %s", tc.seconds, got)
		}
		if lines := shownTrail(t, 0, false, false, refusals()); !strings.Contains(lines[0], fmt.Sprintf("TIME (%s)", tc.want)) {
			t.Errorf("%q", lines[0])
		}
	}
}

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	time.Local = time.FixedZone("", 3600)
	now := time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"today":                     time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC),
		"Yesterday":                 time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC),
		"2026-11-21":                time.Date(2026, 11, 20, 23, 0, 0, 0, time.UTC),
		"2026-11-22T09:30":          now,
		"2026-11-22 09:30":          now,
		"2026-11-22 09:30:01":       now.Add(time.Second),
		"2026-11-22T08:30:00Z":      now,
		"2026-11-22 10:30:00+02:00": now,
		"90m":                       now.Add(-90 * time.Minute),
		"1d":                        now.Add(-24 * time.Hour),
		"400d":                      now.Add(-400 * 24 * time.Hour),
		"1d12h":                     now.Add(-36 * time.Hour),
	} {
		if got, ok := timeOf(text, now); !ok || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"tomorrow", "-3h", "-1d", "d", "1d-2h", "99999999d", "2026-13-01", "2026-11-22 25:00", "7 d", "1dd"} {
		if got, ok := timeOf(text, now); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestWordsThatAreShownAreWordsThatFilter(t *testing.T) {
	for _, d := range audit.Types() {
		for _, word := range []string{string(d.Type), inWords(d.Type), strings.ReplaceAll(inWords(d.Type), " ", "-"), strings.ToUpper(inWords(d.Type)), happened(d.Example)} {
			if got, err := typeOf(word); err != nil || got != string(d.Type) || strings.Contains(word, ",") {
				t.Errorf("%q: %s, %v, want %s", word, got, err, d.Type)
			}
		}
	}
	for word, want := range map[string]string{"session": "session", "sesion.opened": "sesion.opened", "of.later": "of.later"} {
		if got, err := typeOf(word); err != nil || got != want {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
	if _, err := typeOf("signed-inn"); err == nil || !strings.Contains(err.Error(), `did you mean "signed in", which is session.opened?`) {
		t.Error(err)
	}
}

func TestAnEmptyAnswerIsSaidToBeEmpty(t *testing.T) {
	g := newGate(t, 3)
	for name, tc := range map[string]struct {
		args []string
		want string
		code int
	}{
		"nothing":         {[]string{"list", "--after", "3"}, "no event matches", exitDone},
		"all":             {[]string{"list", "--all", "--type", "backup made"}, "no event matches", exitDone},
		"lines":           {[]string{"list", "--json", "--after", "3"}, "no event matches", exitDone},
		"tail":            {[]string{"tail", "--type", "backup.made"}, "no event matches", exitDone},
		"export":          {[]string{"export", "--after", "3"}, "no event matches", exitDone},
		"a session":       {[]string{"list", "--session", "x4m2t7bq", "--after", "3"}, "no event names this session", exitDone},
		"something":       {[]string{"list", "--type", "signed in"}, "", exitDone},
		"turned":          {[]string{"list", "--since", "1h", "--until", "2h"}, "--until is not after --since", exitUsage},
		"turned, export":  {[]string{"export", "--since", "today", "--until", "yesterday"}, "--until is not after --since", exitUsage},
		"no time":         {[]string{"list", "--since", "tomorrow"}, `--since "tomorrow": write a time such as`, exitUsage},
		"no time, export": {[]string{"export", "--until", "soon"}, `--until "soon": write a time such as`, exitUsage},
	} {
		code, _, errs := g.run(t.Context(), tc.args...)
		if code != tc.code || !strings.Contains(errs, tc.want) || tc.want == "" && errs != "" {
			t.Errorf("%s: %d, %q", name, code, errs)
		}
	}
}
