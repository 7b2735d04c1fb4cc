package device

import "strings"

// Form is the kind of a device.
type Form string

// Forms. The zero Form is unknown.
const (
	Desktop Form = "desktop" // and laptops: nothing tells them apart
	Phone   Form = "phone"
	Tablet  Form = "tablet"
	Program Form = "program" // no browser: a command-line tool, a library, an app's own client
)

// Device is what a User-Agent header tells. Fields that it does not tell are empty.
type Device struct {
	Browser string // name of the product, or of the program
	Version string // its major version: digits
	System  string // name of the operating system
	Form    Form
}

const (
	// maxRead bounds how much of a header is looked at; browsers send about 150 bytes.
	maxRead = 512
	// maxVersion bounds the digits of a version; longer ones tell nothing.
	maxVersion = 4
	// maxProgram bounds the name of a program that is in no table.
	maxProgram = 32
)

// Read reads a User-Agent header. It takes any text, of any length, in bounded time, and
// what it returns comes from a table, or is made of ASCII letters, digits, "-", "_" and
// ".".
func Read(userAgent string) Device {
	if len(userAgent) > maxRead {
		userAgent = userAgent[:maxRead]
	}
	for _, p := range programs {
		if version, ok := product(userAgent, p.token); ok {
			d := Device{Browser: p.name, Version: version, Form: Program}
			d.System, _ = system(userAgent)
			return d
		}
	}
	if d, ok := bareProgram(userAgent); ok {
		return d
	}
	var d Device
	for _, b := range browsers {
		if version, ok := b.find(userAgent); ok {
			d.Browser, d.Version = b.name, version
			break
		}
	}
	d.System, d.Form = system(userAgent)
	return d
}

func (b browser) find(userAgent string) (version string, ok bool) {
	if b.with != "" && !strings.Contains(userAgent, b.with) {
		return "", false
	}
	return product(userAgent, b.token)
}

// product finds a token where a product can begin, and returns the major version that
// follows it.
func product(userAgent, token string) (version string, ok bool) {
	for at := 0; ; {
		i := strings.Index(userAgent[at:], token)
		if i < 0 {
			return "", false
		}
		at += i
		if at == 0 || strings.IndexByte(" (;,[/", userAgent[at-1]) >= 0 {
			return major(userAgent[at+len(token):]), true
		}
		at += len(token)
	}
}

// major is the number that a version begins with; "" for none, and for more digits than
// any version has.
func major(text string) string {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	if n > maxVersion {
		return ""
	}
	return text[:n]
}

// system names the operating system and the kind of device that it runs on.
func system(userAgent string) (string, Form) {
	for _, s := range systems {
		if !strings.Contains(userAgent, s.token) {
			continue
		}
		if s.form != "" {
			return s.name, s.form
		}
		if strings.Contains(userAgent, "Mobile") || strings.Contains(userAgent, "Phone") {
			return s.name, Phone
		}
		return s.name, Tablet
	}
	return "", ""
}

// bareProgram recognises what browsers never send: one product without the comment in
// brackets that every browser has ("my-tool/1.2").
func bareProgram(userAgent string) (Device, bool) {
	name, rest, found := strings.Cut(userAgent, "/")
	if !found || name == "" || name == "Mozilla" || name == "Opera" || len(name) > maxProgram || strings.IndexFunc(name, notOfName) >= 0 {
		return Device{}, false
	}
	return Device{Browser: name, Version: major(rest), Form: Program}, true
}

func notOfName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}
