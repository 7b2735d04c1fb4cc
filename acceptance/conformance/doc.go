// Command conformance runs the OpenID conformance suite's plans for relying parties
// against the cardea binary, without a browser.
//
// For each module of a plan it starts cardea anew, with the configuration in
// examples/conformance and an empty data folder, and plays the person: it opens the
// application, follows redirects, sends the forms and loads the frames that a browser
// would, signs in, is refreshed, signs out. Then it waits for the suite's verdict. It also
// holds where the person ended against what the module is about: the suite counts a
// relying party that refuses everything as good in the modules that must be refused.
//
// It owns the way through each module and the expectations; what the suite demands is the
// suite's. It knows of Cardea what is public, and of the suite its HTTP API and two of its
// pages. docs/conformance.md says how it is used.
//
// Specifications seen from outside: OpenID Connect Core sections 2 to 5 and 12, Discovery,
// Form Post Response Mode, RP-Initiated, Back-Channel and Front-Channel Logout.
package main
