package pages

import (
	"html/template"
	"net/http"
	"slices"
	"unicode"
)

// maxProviders bounds the choice page.
const maxProviders = 100

// Choice asks where to sign in.
type Choice struct {
	App       App
	Providers []ChoiceProvider // at most the first 100 are shown
}

// ChoiceProvider is one place to sign in.
type ChoiceProvider struct {
	Name       string
	Host       string // tells apart providers of the same name; may be empty
	URL        string // starts the sign-in there; one that may not be linked to hides the provider
	Remembered bool   // last used in this browser; shown first
	Unlinked   bool   // from the account that was signed in here; shown last, with what it leads to
}

type choiceItem struct {
	Name, Host, URL, Initial string
	Remembered               bool
}

// Choice writes the page on which a person chooses a provider.
func (p *Pages) Choice(w http.ResponseWriter, r *http.Request, status int, v Choice) {
	l := p.locales.forRequest(r)
	ps := params{"app": v.App.label()}
	var first, rest, last []choiceItem
	var unlinked template.HTML
	for _, c := range v.Providers {
		item := choiceItem{
			Name: l.value("provider", params{"provider": c.Name}, true),
			Host: clean(c.Host, maxName), URL: link(c.URL), Remembered: c.Remembered,
		}
		if item.URL == "" || len(first)+len(rest)+len(last) == maxProviders {
			continue
		}
		item.Initial = initial(item.Name)
		switch {
		case c.Unlinked:
			unlinked = l.html("choice.unlinked", params{"provider": c.Name})
			item.Remembered = false
			last = append(last, item)
		case c.Remembered:
			first = append(first, item)
		default:
			rest = append(rest, item)
		}
	}
	view := struct {
		Lead, Unlinked template.HTML
		Items          []choiceItem
	}{l.html("choice.lead", ps), unlinked, slices.Concat(first, rest, last)}
	if len(view.Items) == 0 {
		view.Lead = l.html("choice.none", ps)
	}
	p.write(w, r, status, l, page{
		template: "choice", title: "choice.title", params: ps, ajar: true, view: view,
	})
}

// initial is the letter that stands for a name in its tile.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "·"
}
