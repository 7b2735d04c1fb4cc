package access

import "strings"

const maxEmail = 254 // RFC 5321 section 4.5.3.1.3

// emailDomain returns the host name of an address that leaves no doubt about it:
// exactly one "@" (quoted local parts with another one are refused), visible
// characters only, a host name of non-empty labels. Whatever another parser could
// read differently has no domain here.
func emailDomain(address string) (string, bool) {
	if len(address) > maxEmail {
		return "", false
	}
	local, domain, found := strings.Cut(address, "@")
	if !found || local == "" || !plainLocal(local) || !hostName(domain) {
		return "", false
	}
	return domain, true
}

// plainLocal refuses blanks, control characters and what carries meaning in address
// lists: "a,b@example.com" or "<a@example.com" is not one mailbox.
func plainLocal(local string) bool {
	for _, r := range local {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`"(),:;<>[\]`, r) || oddRune(r) {
			return false
		}
	}
	return true
}

// oddRune tells of C1 controls, blanks beyond ASCII, invisible and bidirectional
// formatting characters, the replacement character (invalid UTF-8 included) and
// letters that some case foldings turn into ASCII.
func oddRune(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r <= 0xa0, r == 0xad, r == 0x17f, r == 0x212a, r == 0x130, r == 0x131:
		return true
	case r >= 0x2000 && r <= 0x206f, r == 0x3000, r == 0xfeff, r == 0xfffd:
		return true
	case r >= 0xff00 && r <= 0xffef, r >= 0xe000 && r <= 0xf8ff, r >= 0xe0000:
		return true
	}
	return false
}

// hostName accepts dot-separated labels of ASCII letters, digits and inner hyphens.
// Internationalised domains arrive in their A-label form (RFC 5890) or not at all.
func hostName(name string) bool {
	for {
		label, rest, more := strings.Cut(name, ".")
		if !hostLabel(label) {
			return false
		}
		if !more {
			return true
		}
		name = rest
	}
}

func hostLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := lower(label[i])
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// matchesDomain compares whole names; "*.example.com" takes any name below
// example.com and not example.com itself.
func matchesDomain(rules []string, domain string) bool {
	for _, rule := range rules {
		if parent, wild := strings.CutPrefix(rule, "*."); wild {
			cut := len(domain) - len(parent)
			if parent != "" && cut > 1 && domain[cut-1] == '.' && equalFold(domain[cut:], parent) {
				return true
			}
		} else if equalFold(domain, rule) {
			return true
		}
	}
	return false
}

func containsFold(list []string, s string) bool {
	for _, member := range list {
		if equalFold(member, s) {
			return true
		}
	}
	return false
}

// equalFold folds ASCII only: strings.EqualFold would take the Kelvin sign for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
