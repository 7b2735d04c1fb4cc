package devprovider

import (
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// frames lists the addresses that a page has to load so that the clients of a sign-in that has
// ended (nil: there was none) hear of it (Front-Channel Logout 1.0 section 3).
func (p *Provider) frames(ended *session) []string {
	if ended == nil || p.rec.Notices.FrontChannel == record.No {
		return nil
	}
	var list []string
	for _, client := range p.clientsOf(ended) {
		if client.FrontChannelLogoutURI != "" {
			params := url.Values{}
			if p.rec.Notices.FrontChannelIss == record.Yes {
				params.Set("iss", p.tokenIssuer())
			}
			if p.sid() {
				params.Set("sid", ended.SID)
			}
			list = append(list, withParams(client.FrontChannelLogoutURI, params))
		}
	}
	return list
}

// framePolicy is what a page's content security policy needs beside the usual to load frames. An
// IPv6 address cannot be written there, so for one the scheme is allowed.
func framePolicy(frames []string) string {
	var sources []string
	for _, frame := range frames {
		u, err := url.Parse(frame)
		if err != nil {
			continue
		}
		source := u.Scheme + "://" + u.Host
		if strings.Contains(u.Host, "[") {
			source = u.Scheme + ":"
		}
		sources = append(sources, source)
	}
	if len(sources) == 0 {
		return ""
	}
	slices.Sort(sources)
	return "; frame-src " + strings.Join(slices.Compact(sources), " ")
}
