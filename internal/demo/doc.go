// Package demo runs a gateway, the development provider and the sample app in one
// process, for people who want to see what Cardea does before they set anything up.
//
// It owns the demo's configuration, its data folder, the ports it takes, and what it
// prints. It does not own any behaviour: the gateway is the one that "cardea serve"
// runs, from a configuration that could stand in a file, and is written to one.
//
// It also runs the development provider alone, for people who try the gateway with an
// app of their own and have no provider at hand.
//
// Everything listens on loopback only. The provider's passwords are shown on its login
// page, so that nothing here is fit for real use.
package demo
