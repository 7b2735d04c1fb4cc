package devprovider

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Person is someone who can sign in. The password is shown on the login page.
type Person struct {
	// Subject is the sub claim. Default: derived from Username.
	Subject string
	// Username is what one types, and the preferred_username claim.
	Username string
	// Password is what one types; it is no secret.
	Password string
	// Name, Email, EmailVerified, Groups and Picture are claims. Picture may be a data URI.
	Name          string
	Email         string
	EmailVerified bool
	Groups        []string
	Picture       string
	// Addresses is what an endpoint with e-mail addresses lists. Default: an unverified one, a
	// verified one, and Email, which is the primary.
	Addresses []Address
	// Avatar is the hash that a provider makes a picture's address of. Default: a made-up one.
	Avatar string
	// NoRefreshToken: this person's sign-ins come without a refresh token, whatever they asked for.
	NoRefreshToken bool
	// Disabled people cannot sign in, refresh or ask for UserInfo.
	Disabled bool
}

// Address is an e-mail address as a list of them has it.
type Address struct {
	Address           string
	Verified, Primary bool
}

// DefaultPeople are the two people of the demo.
func DefaultPeople() []Person {
	return []Person{
		{
			Username: "alice", Password: "wonderland", Name: "Alice Liddell",
			Email: "alice@example.com", EmailVerified: true, Groups: []string{"staff", "gardeners"},
		},
		{
			Username: "bob", Password: "builder", Name: "Bob Brückner",
			Email: "bob@example.com", EmailVerified: true, Groups: []string{"staff"},
		},
	}
}

func (p Person) subject() string {
	if p.Subject != "" {
		return p.Subject
	}
	return "dev-" + p.Username
}

// Display is the name shown on pages.
func (p Person) Display() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Username
}

func checkPeople(people []Person) error {
	seen := map[string]bool{}
	for _, person := range people {
		if person.Username == "" || person.Password == "" {
			return errors.New("a person needs a username and a password")
		}
		if seen["u "+person.Username] || seen["s "+person.subject()] {
			return fmt.Errorf("two people are called %q or share a subject", person.Username)
		}
		seen["u "+person.Username], seen["s "+person.subject()] = true, true
	}
	return nil
}

// claims are the person's claims for a scope (OIDC Core 5.4). Groups come with "groups" or
// "profile", as there is no standard scope for them.
func (p Person) claims(scope []string) map[string]any {
	claims := map[string]any{}
	if slices.Contains(scope, "profile") {
		claims["preferred_username"] = p.Username
		putString(claims, "name", p.Name)
		putString(claims, "picture", p.Picture)
	}
	if slices.Contains(scope, "email") && p.Email != "" {
		claims["email"] = p.Email
		claims["email_verified"] = p.EmailVerified
	}
	if slices.Contains(scope, "profile") || slices.Contains(scope, "groups") {
		if len(p.Groups) > 0 {
			claims["groups"] = slices.Clone(p.Groups)
		}
	}
	return claims
}

func putString(claims map[string]any, name, value string) {
	if value != "" {
		claims[name] = value
	}
}

// personBySubject returns an enabled person. The caller holds p.mu.
func (p *Provider) personBySubject(subject string) (Person, bool) {
	for _, person := range p.people {
		if person.subject() == subject && !person.Disabled {
			return person, true
		}
	}
	return Person{}, false
}

// personByPassword returns the enabled person that these credentials belong to. The caller holds
// p.mu. The comparison is plain, for the passwords are printed on the page.
func (p *Provider) personByPassword(username, password string) (Person, bool) {
	for _, person := range p.people {
		known := strings.EqualFold(person.Username, username) ||
			(person.Email != "" && strings.EqualFold(person.Email, username))
		if known && person.Password == password && !person.Disabled {
			return person, true
		}
	}
	return Person{}, false
}

// UpdatePerson changes a person: a new e-mail, other groups, disabled. Tokens given out stay; what
// the provider says from now on follows the change. It fails for an unknown username.
func (p *Provider) UpdatePerson(username string, change func(*Person)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.people {
		if p.people[i].Username != username {
			continue
		}
		changed := slices.Clone(p.people)
		change(&changed[i])
		if err := checkPeople(changed); err != nil {
			return fmt.Errorf("updating %q: %w", username, err)
		}
		p.people = changed
		return nil
	}
	return fmt.Errorf("nobody is called %q", username)
}
