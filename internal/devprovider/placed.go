package devprovider

import (
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// Placed returns r with every address that is called or compared moved to origin, a loopback one:
// what is at https://api.example.com/user is then at {origin}/~api.example.com/user. Templates, bare
// host names, and the avatar's address, which nobody calls, stay as they are. Placing twice changes
// nothing. A relying party that is given Placed(r, origin) meets the provider that was given r.
func Placed(r record.Record, origin string) record.Record {
	move := func(addresses ...*string) {
		for _, a := range addresses {
			*a = moved(*a, origin)
		}
	}
	e, i, c := &r.Endpoints, &r.Issuer, &r.Client
	move(&e.Authorization, &e.Token, &e.UserInfo, &e.Keys, &e.Revocation, &e.EndSession, &e.ApplicationToken)
	move(&i.Default, &i.ParamValue, &c.Assertion.Issuer, &c.Assertion.Audience)
	move(&r.SignOut.ManualURL, &r.Claims.Email.URL)
	i.Also = slices.Clone(i.Also)
	for n := range i.Also {
		move(&i.Also[n])
	}
	lists := slices.Clone(r.Claims.Groups.Lists)
	for n := range lists {
		move(&lists[n].URL)
	}
	r.Claims.Groups.Lists = lists
	return r
}

func moved(address, origin string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || scheme != "https" && scheme != "http" || address == origin || strings.HasPrefix(address, origin+"/") {
		return address
	}
	return origin + "/~" + rest
}

// originOf is the origin of an issuer that was parsed before.
func originOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
