package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/incident"
)

// incidentRow is an incident with its details sealed.
type incidentRow struct {
	incident.Head
	sealed []byte
}

// SaveIncidents keeps incidents and removes what is beyond keep. One that is kept already
// stays as it is.
func (st *Store) SaveIncidents(ctx context.Context, now time.Time, list []incident.Incident, keep incident.Keep) error {
	rows := make([]incidentRow, 0, len(list))
	for _, i := range list {
		plain, err := json.Marshal(i)
		if err != nil {
			return fmt.Errorf("encoding incident %s: %w", i.ID, err)
		}
		sealed, err := st.keys.Seal(sealIncidents, i.ID, plain)
		if err != nil {
			return fmt.Errorf("sealing incident %s: %w", i.ID, err)
		}
		rows = append(rows, incidentRow{i.Head(), sealed})
	}
	return st.db.writer.do(ctx, "keeping incidents", func(c *conn) error {
		for _, r := range rows {
			if _, err := c.exec("INSERT INTO incidents (id, kind, at, sealed) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
				r.ID, r.Kind, micros(r.At), r.sealed); err != nil {
				return err
			}
		}
		if _, err := c.exec("DELETE FROM incidents WHERE at <= ?1", micros(now.Add(-keep.For))); err != nil {
			return err
		}
		return thinIncidents(c, keep.Most)
	})
}

// kindCount is how many incidents of a kind are kept.
type kindCount struct {
	kind string
	n    int
}

// thinIncidents removes what is beyond most.
func thinIncidents(c *conn, most int) error {
	var kinds []kindCount
	err := c.each(func(scan func(...any) error) error {
		var k kindCount
		err := scan(&k.kind, &k.n)
		kinds = append(kinds, k)
		return err
	}, "SELECT kind, count(*) FROM incidents GROUP BY kind")
	if err != nil {
		return err
	}
	for kind, n := range surplus(kinds, most) {
		if _, err := c.exec("DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE kind = ?1 ORDER BY at LIMIT ?2)", kind, n); err != nil {
			return err
		}
	}
	return nil
}

// surplus returns how many of each kind must go so that most are left: kinds are cut down
// to one height, and those below it keep all they have.
func surplus(kinds []kindCount, most int) map[string]int {
	slices.SortFunc(kinds, func(a, b kindCount) int { return cmp.Compare(a.n, b.n) })
	cut := map[string]int{}
	for i, k := range kinds {
		share := most / (len(kinds) - i)
		if k.n > share {
			cut[k.kind] = k.n - share
			most -= share
			continue
		}
		most -= k.n
	}
	return cut
}

// Incident returns an incident, or incident.ErrUnknown.
func (st *Store) Incident(ctx context.Context, id string) (incident.Incident, error) {
	sealed, err := read(ctx, st.db.readers, "reading an incident", func(c *conn) ([]byte, error) {
		var sealed []byte
		found, err := c.one([]any{&sealed}, "SELECT sealed FROM incidents WHERE id = ?1", id)
		if err == nil && !found {
			err = incident.ErrUnknown
		}
		return sealed, err
	})
	if err != nil {
		return incident.Incident{}, err
	}
	plain, err := st.keys.Unseal(sealIncidents, id, sealed)
	if err != nil {
		return incident.Incident{}, fmt.Errorf("reading incident %s: %w", id, err)
	}
	var i incident.Incident
	if err := json.Unmarshal(plain, &i); err != nil {
		return incident.Incident{}, fmt.Errorf("decoding incident %s: %w", id, err)
	}
	return i, nil
}

// IncidentHeads lists what is kept, the newest first; a limit of zero or less means all.
func (st *Store) IncidentHeads(ctx context.Context, limit int) ([]incident.Head, error) {
	if limit <= 0 {
		limit = incident.MaxKept
	}
	return read(ctx, st.db.readers, "listing incidents", func(c *conn) ([]incident.Head, error) {
		list := []incident.Head{}
		err := c.each(func(scan func(...any) error) error {
			var h incident.Head
			var at int64
			err := scan(&h.ID, &h.Kind, &at)
			h.At = fromMicros(at)
			list = append(list, h)
			return err
		}, "SELECT id, kind, at FROM incidents ORDER BY at DESC, id LIMIT ?1", limit)
		return list, err
	})
}
