package preset

import (
	"maps"
	"slices"
)

// clone gives a copy that shares nothing with p.
func (p Preset) clone() Preset {
	p.Headers = maps.Clone(p.Headers)
	p.Reads = slices.Clone(p.Reads)
	p.Logout = slices.Clone(p.Logout)
	p.Replay = slices.Clone(p.Replay)
	for i := range p.Replay {
		c := &p.Replay[i]
		c.Header, c.Form = maps.Clone(c.Header), maps.Clone(c.Form)
		if c.XSRF != nil {
			x := *c.XSRF
			c.XSRF = &x
		}
	}
	p.Paths = slices.Clone(p.Paths)
	p.Polling = slices.Clone(p.Polling)
	p.Cookies = Cookies{
		Pass: slices.Clone(p.Cookies.Pass), Hold: slices.Clone(p.Cookies.Hold),
		Browser: slices.Clone(p.Cookies.Browser), Keep: slices.Clone(p.Cookies.Keep),
	}
	p.Recognise, p.Takes.Marks = cloneMarks(p.Recognise), cloneMarks(p.Takes.Marks)
	p.Setup = slices.Clone(p.Setup)
	p.Sources = slices.Clone(p.Sources)
	return p
}

func cloneMarks(list []Mark) []Mark {
	list = slices.Clone(list)
	for i := range list {
		list[i].Header = maps.Clone(list[i].Header)
	}
	return list
}
