package doctor

import "github.com/cardea-auth/cardea/internal/record"

// instead are findings that are fixed as another one is.
func instead(id string) string {
	switch id {
	case "post-logout-uri-hint":
		return "post-logout-uri"
	case "refresh-unseen":
		return "refresh"
	}
	return id
}

// add adds what is not well at the provider. What the record says of the finding stands in
// place of the general fix; what it says of any wrong issuer stands behind the right one.
func (x *examination) add(f Finding) {
	if f.Check == "" {
		f.Check = checkOf(f.ID)
	}
	fixes := x.p.Record.Fixes
	switch {
	case fixes[f.ID] != "":
		f.Fix = []string{x.fill(fixes[f.ID])}
	case fixes[instead(f.ID)] != "":
		f.Fix = []string{x.fill(fixes[instead(f.ID)])}
	case f.Check == "issuer" && fixes["issuer"] != "":
		f.also = append([]string{x.fill(fixes["issuer"])}, f.also...)
	}
	if x.p.Record.Kind != "" && f.About == "" {
		f.About = kinds + x.p.Record.Kind + ".md"
	}
	x.g.add(f)
}

// fill puts the configuration's values into a record's words.
func (x *examination) fill(s string) string {
	return record.Filled(s, x.public, x.p.ID, x.p.ClientID)
}

// register says what to register, in the words of the provider's own console: in field, or
// where there is no such field in general's.
func (x *examination) register(field, general, address string) string {
	where := ""
	if console := x.p.Record.Register.Console; console != "" {
		where = x.fill(console) + ": "
	}
	if field == "" {
		return "Register " + address + " as " + general + " of the client " + x.p.ClientID + ", exactly so."
	}
	return upper(where+"write "+address) + " under “" + field + "”, exactly so."
}

// title is the provider's name for people.
func title(r record.Record) string {
	if r.Title != "" {
		return r.Title
	}
	return "a provider of kind " + r.Kind
}
