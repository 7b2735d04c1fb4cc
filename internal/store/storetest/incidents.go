package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/session"
)

// keep is what the checks of incidents ask for.
var keep = incident.Keep{Most: 400, For: 7 * 24 * time.Hour}

// refusal is an incident with every field set.
func refusal(id, kind string, at time.Time) incident.Incident {
	return incident.Incident{
		ID: id, At: at, Kind: kind, Status: 403, Shown: "You have no access to Chat", Step: "access rule of app chat, path /admin",
		App: "chat", Provider: "main", Origin: origin, Path: "/admin", Reason: "group", Rule: "apps[chat].paths[/admin].access.groups",
		Wanted: []string{"admins", "安全"}, Seen: []incident.Seen{{Name: "groups", Value: "staff"}, {Name: "acr", Absent: true}},
		Setting: "providers[main].record.claims.groups", Cause: "not admitted: group",
	}
}

// refusals are many of one kind, a second after another.
func refusals(kind string, n int, from time.Time) []incident.Incident {
	list := make([]incident.Incident, n)
	for i := range list {
		list[i] = incident.Incident{ID: fmt.Sprintf("%s-%05d", kind, i), Kind: kind, At: from.Add(time.Duration(i) * time.Second)}
	}
	return list
}

func incidentPromises() []promise {
	return []promise{
		{"an incident is kept as it was saved, once", func(b *bench) {
			want := refusal("one", "denied", epoch)
			b.ok(b.SaveIncidents(b.ctx, epoch, []incident.Incident{want}, keep))
			again := want
			again.Cause = "another"
			b.ok(b.SaveIncidents(b.ctx, epoch, []incident.Incident{again, refusal("two", "internal", epoch.Add(time.Second))}, keep))
			got, err := b.Incident(b.ctx, "one")
			b.ok(err)
			b.equal(got, want)
			heads, err := b.IncidentHeads(b.ctx, 0)
			b.ok(err)
			b.equal(heads, []incident.Head{{ID: "two", Kind: "internal", At: epoch.Add(time.Second)}, {ID: "one", Kind: "denied", At: epoch}})
			heads, err = b.IncidentHeads(b.ctx, 1)
			b.ok(err)
			b.equal(len(heads), 1)
		}},
		{"an id that was never given is unknown, and that is no outage", func(b *bench) {
			for _, id := range []string{"nobody", "", "' OR 1=1 --", strings.Repeat("x", 4096)} {
				_, err := b.Incident(b.ctx, id)
				if !errors.Is(err, incident.ErrUnknown) || errors.Is(err, session.ErrUnavailable) {
					b.Errorf("%.20q: %v", id, err)
				}
			}
			heads, err := b.IncidentHeads(b.ctx, 0)
			b.ok(err)
			b.equal(heads, []incident.Head{})
		}},
		{"incidents go after seven days, whether new ones come or not", func(b *bench) {
			b.ok(b.SaveIncidents(b.ctx, epoch, []incident.Incident{refusal("old", "denied", epoch), refusal("young", "denied", epoch.Add(time.Minute))}, keep))
			b.ok(b.SaveIncidents(b.ctx, epoch.Add(keep.For), nil, keep))
			_, err := b.Incident(b.ctx, "old")
			b.is(err, incident.ErrUnknown)
			_, err = b.Incident(b.ctx, "young")
			b.ok(err)
		}},
		{"no more are kept than were promised, and a flood of one kind pushes no other out", checkIncidentFlood},
	}
}

func checkIncidentFlood(b *bench) {
	count := func() map[string]int {
		b.Helper()
		heads, err := b.IncidentHeads(b.ctx, 2*keep.Most)
		b.ok(err)
		kinds := map[string]int{}
		for _, h := range heads {
			kinds[h.Kind]++
		}
		return kinds
	}
	later := epoch.Add(time.Hour)
	b.ok(b.SaveIncidents(b.ctx, later, append(refusals("denied", 40, epoch), refusals("upstream-unavailable", 60, epoch)...), keep))
	flood := refusals("session-required", 2*keep.Most, epoch.Add(time.Minute))
	for part := range slices.Chunk(flood, 150) {
		b.ok(b.SaveIncidents(b.ctx, later, part, keep))
	}
	b.equal(count(), map[string]int{"denied": 40, "upstream-unavailable": 60, "session-required": keep.Most - 100})
	// The newest of the flood are left.
	_, err := b.Incident(b.ctx, flood[len(flood)-1].ID)
	b.ok(err)
	_, err = b.Incident(b.ctx, flood[0].ID)
	b.is(err, incident.ErrUnknown)

	// Floods share.
	b.ok(b.SaveIncidents(b.ctx, later, refusals("not-found", 300, epoch), keep))
	b.ok(b.SaveIncidents(b.ctx, later, refusals("bad-request", 300, epoch), keep))
	b.equal(count(), map[string]int{"denied": 40, "upstream-unavailable": 60, "session-required": 100, "not-found": 100, "bad-request": 100})
}
