// Package incident is what was refused, and why, for whoever is asked about it.
//
// Every page and document that refuses something shows an id. This package owns what is
// kept under it: the step that failed, the rule and what it demanded, what was seen of the
// person for it, and the error as it was logged; and the table that says what each means
// and how it is put right. It keeps little and for a limited time, gives way to everything
// else when much is refused at once, and holds no token, code, cookie or secret.
//
// It owns no page, no log line and no database: faces note incidents, a store keeps them
// sealed, and the administration asks.
package incident
