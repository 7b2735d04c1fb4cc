// Package harness starts and drives what the acceptance tests are made of:
// Keycloak, Chainlit, Chromium, a plain upstream application, and the real cardea
// binary as a process; and it stands between them where a test has to see, hold or
// cut what they say to each other.
//
// It owns processes, ports, log files and people: Person carries a whole sign-in
// by HTTP alone, Browser does it in Chromium. It knows of Cardea only what is
// public: the configuration, the own paths, the cookie names, the commands.
// Everything listens on loopback.
//
// Names: Keycloak is at 127.0.0.1 and what Cardea serves at localhost and its
// subdomains, because cookies ignore ports and the two must not share any.
//
// It does not own the expectations: these are in the tests, one file per topic.
package harness
