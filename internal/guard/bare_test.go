package guard

import (
	"testing"
	"time"
)

func TestABareTokenPassesOnlyWhereThePathTakesIt(t *testing.T) {
	a := &App{ID: "zip", Origin: "https://zip.example", Paths: []PathRule{
		{Path: "/api", Bearer: true}, {Path: "/api/upload", Bearer: true, BareToken: true},
	}}
	g := &Guard{}
	for _, tc := range []struct {
		path         string
		bearer, bare bool
		want         bool
	}{
		{"/api/upload", false, true, true},
		{"/api/upload", true, false, true},
		{"/api/upload", false, false, false},
		{"/api/user", false, true, false},
		{"/api/user", true, false, true},
		{"/api/upload/../user", false, true, false},
		{"/", true, true, false},
	} {
		v := g.Check(t.Context(), time.Time{}, Query{App: a, RawPath: tc.path, Bearer: tc.bearer, BareToken: tc.bare})
		if v.Bearer != tc.want {
			t.Errorf("%s, bearer %t, bare %t: %t", tc.path, tc.bearer, tc.bare, v.Bearer)
		}
	}
}
