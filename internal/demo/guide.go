package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const guide = `
Cardea is ready: a gateway, a provider to sign in at, and a sample app behind it.

  Open      %[1]s
  Sign in   %[2]s

Try
  Reload, open a second tab     you stay signed in; no tab asks again
  Stop this with Ctrl-C and     you are still signed in, and the page's
  start it once more            WebSocket comes back by itself
  Wait %-24[3]s access tokens live that long: the gateway gets new
                                ones, and no connection is cut
  Sign out in one tab           the WebSocket and the feed end in every tab; the
                                receipt says what ended, here and at the provider
  Open the address again        the signed-out page; signing in asks for the password
  Open "My account"             how you sign in and where, your picture, what
                                happened lately: %[1]s/.cardea/account
  Another browser, signed in    %[4]s sessions list --config %[5]s
                                %[4]s sessions end --all --config %[5]s

Provider    %[6]s
Operators   http://127.0.0.1:%[7]d/readyz and /metrics
Kept in     %[8]s (--fresh forgets it)

Ctrl-C stops it.

`

// guide is what people read once the demo is up.
func (o *Options) guide() string {
	return fmt.Sprintf(guide, o.origin(), people(), short(o.TokenLife), o.Program,
		near(o.configFile()), o.issuer(), o.Port+1, near(o.Data))
}

// short is a duration without the seconds that Go appends to whole minutes.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		return strings.TrimSuffix(text, "0s")
	}
	return text
}

// near is a path as one would type it here.
func near(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return rel
}
