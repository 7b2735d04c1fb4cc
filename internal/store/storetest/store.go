package storetest

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Store is everything a store can be asked, put together from parts by guarantee.
type Store interface {
	Sessions
	Lists
	Vaults
	Ends
	Receipts
	Accounts
	Outbox
	Clients
	Incidents
	Pictures
	Trail
	Use(ctx context.Context, now time.Time, key session.SeatHash, until time.Time) error
	Ping(ctx context.Context) error
}

// Sessions are live sessions and their seats.
type Sessions interface {
	OpenSession(ctx context.Context, now time.Time, s *session.Session, seat session.Seat, replaces session.ID) error
	BySeat(ctx context.Context, hash session.SeatHash) (*session.Session, session.Seat, error)
	AddSeat(ctx context.Context, now time.Time, id session.ID, seat session.Seat) error
	UpdateSession(ctx context.Context, now time.Time, s *session.Session) (*session.Session, error)
	Touch(ctx context.Context, touches []session.Touch) error
}

// Vaults are what is kept of apps' cookies, by session and app.
type Vaults interface {
	LoadVault(ctx context.Context, id session.ID, app string) (data []byte, version int64, err error)
	SaveVault(ctx context.Context, now time.Time, id session.ID, app string, version int64, data []byte) (int64, error)
	EndedVault(ctx context.Context, id session.ID, app string) ([]byte, error)
	DropVault(ctx context.Context, id session.ID, app string) error
}

// Lists finds live sessions by other names.
type Lists interface {
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	List(ctx context.Context, f session.Filter) ([]*session.Session, error)
	CountSessions(ctx context.Context, f session.Filter) (int, error)
	Expired(ctx context.Context, now time.Time, limit int) ([]*session.Session, error)
	SharesProviderSession(ctx context.Context, iss, sid string) (bool, error)
}

// Ends are durable.
type Ends interface {
	End(ctx context.Context, now time.Time, e signout.Ending) (session.Tombstone, error)
	Tombstones(ctx context.Context, afterSeq int64, limit int) ([]session.Tombstone, error)
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
}

// Receipts are stored with ends.
type Receipts interface {
	Receipt(ctx context.Context, state session.SeatHash) (signout.Receipt, error)
	ReceiptBySession(ctx context.Context, id session.ID) (signout.Receipt, error)
	MarkReturned(ctx context.Context, now time.Time, state session.SeatHash) (signout.Receipt, error)
}

// Accounts are durable.
type Accounts interface {
	Admit(ctx context.Context, now time.Time, a account.Admission) (account.Account, bool, error)
	Account(ctx context.Context, id string) (account.Account, error)
	AccountOf(ctx context.Context, id oidc.Identity) (account.Account, error)
	People
	Identities
}

// People are accounts as operators see and end them.
type People interface {
	ListAccounts(ctx context.Context, f account.Filter) ([]account.Summary, error)
	FindAccounts(ctx context.Context, name string) ([]account.Ref, error)
	Person(ctx context.Context, id string) (account.Person, error)
	SetDisabled(ctx context.Context, now time.Time, id string, disabled bool) (changed bool, err error)
	MarkErasing(ctx context.Context, now time.Time, id string) error
	Unfinished(ctx context.Context, limit int) ([]account.Account, error)
	Erase(ctx context.Context, now time.Time, id string) error
}

// Identities come to accounts and leave them.
type Identities interface {
	AdmitByEmail(ctx context.Context, now time.Time, a account.Admission, t account.Trusts) (account.Admitted, error)
	Link(ctx context.Context, now time.Time, l account.Linking) (linked bool, err error)
	Unlink(ctx context.Context, now time.Time, id string, of oidc.Identity, by string, configured account.Configured) error
	Unlinkings(ctx context.Context, limit int) ([]account.Identity, error)
	Settle(ctx context.Context, id string, of oidc.Identity) error
}

// Outbox is durable.
type Outbox interface {
	outbox.Store
	Add(ctx context.Context, entries []outbox.Entry) error
	BySession(ctx context.Context, session string) ([]outbox.Entry, error)
	ListOutbox(ctx context.Context, f outbox.Filter) ([]outbox.Entry, error)
	Requeue(ctx context.Context, now time.Time, id string) error
}

// Clients are who the gateway is at each provider, and what live sessions were opened as.
type Clients interface {
	Clients(ctx context.Context) ([]session.Client, error)
	SetClients(ctx context.Context, clients []session.Client) error
	OpenedAs(ctx context.Context) ([]session.OpenedAs, error)
}

// Trail is the audit trail. What is no act of its own is written with the act.
type Trail interface {
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
	AuditEvents(ctx context.Context, f audit.Filter) ([]audit.Event, error)
	SweepAudit(ctx context.Context, before time.Time, keepAfterSeq int64, limit int) (int, error)
	LastAudit(ctx context.Context) (int64, error)
}

// Incidents are kept for a limited time, and not too many.
type Incidents interface{ incident.Store }
