package main

import (
	"slices"
	"strings"
)

// ending is where the person ends.
type ending string

const (
	inApp     ending = "in the app"
	refused   ending = "refused"
	signedOut ending = "signed out"
	underWay  ending = "sent to the provider"
)

// planned is what the driver does for a plan.
type planned struct {
	name    string
	variant map[string]string
	// without names members of suite.json's client that this plan is run without.
	without []string
	// modules are those of the plan that are run; none named are all.
	modules []string
	steps   []step
}

// step is something that the person does after the first sign-in.
type step int

const (
	refreshed     step = iota // waits until the tokens are old, and asks the app again
	againOther                // signs in with a second browser
	leave                     // signs out
	leftElsewhere             // signs out at the provider, and asks the app again
)

// with is a variant of a client that is registered by hand and sends plain requests.
func with(more ...string) map[string]string {
	v := map[string]string{"client_registration": "static_client", "request_type": "plain_http_request"}
	for i := 0; i+1 < len(more); i += 2 {
		v[more[i]] = more[i+1]
	}
	return v
}

// plans are those that a relying party of the code flow can run, in the suite's order.
func plans() []planned {
	basic, code := "client_secret_basic", "code"
	return []planned{
		{name: "oidcc-client-basic-certification-test-plan", variant: with()},
		{name: "oidcc-client-formpost-basic-certification-test-plan", variant: with()},
		{name: "oidcc-client-config-certification-test-plan", variant: with("client_auth_type", basic, "response_mode", "default")},
		{
			name:    "oidcc-client-refreshtoken-test-plan",
			variant: with("client_auth_type", basic, "response_mode", "default", "response_type", code),
			steps:   []step{refreshed},
		},
		{
			name:    "oidcc-client-test-3rd-party-init-login-test-plan",
			variant: with("client_auth_type", basic, "response_mode", "default", "response_type", code),
		},
		{
			// With a front-channel address a person has to look at each of its modules.
			name:    "oidcc-client-rp-initiated-logout-rp-basic",
			variant: with("client_auth_type", basic, "response_mode", "default"),
			without: []string{"frontchannel_logout_uri"}, steps: []step{leave},
		},
		{
			name:    "oidcc-client-back-channel-logout-rp-basic",
			variant: with("client_auth_type", basic, "response_mode", "default"),
			without: []string{"frontchannel_logout_uri"}, steps: []step{leave},
		},
		{
			name:    "oidcc-client-front-channel-logout-rp-basic",
			variant: with("client_auth_type", basic, "response_mode", "default"),
			without: []string{"backchannel_logout_uri"}, steps: []step{leave},
		},
		{
			// Not certified; of its modules those that are in no other plan.
			name:    "oidcc-client-test-plan",
			variant: with("client_auth_type", basic, "response_mode", "default", "response_type", code),
			modules: []string{
				"oidcc-client-test-missing-aud", "oidcc-client-test-invalid-sig-es256", "oidcc-client-test-userinfo-bearer-header",
				"oidcc-client-test-aggregated-claims",
			},
		},
		{
			name:    "oidcc-client-logout-test-plan",
			variant: with("client_auth_type", basic, "response_mode", "default", "response_type", code),
			without: []string{"backchannel_logout_uri"},
			modules: []string{"oidcc-client-test-rp-frontchannel-opinitlogout"},
			steps:   []step{leftElsewhere},
		},
	}
}

// expectation is what a module must come to, and how it is gone through.
type expectation struct {
	results []string // of the suite, any of them
	first   ending   // after the first sign-in
	last    ending   // after the steps; "" where there are none
	steps   []step
	// halt: the suite ends the module at the first request that it waits for, and takes
	// any other for a failure. The person is not sent on to it.
	halt bool
	// unasked: likewise, of the userinfo request.
	unasked bool
}

// expected says what a module must come to: success, unless it is listed.
func expected(p planned, name string) expectation {
	e := expectation{results: []string{"PASSED"}, first: inApp, steps: p.steps}
	switch name = strings.TrimPrefix(name, "oidcc-client-test-"); name {
	case "invalid-iss", "missing-sub", "invalid-aud", "missing-iat", "missing-aud", "invalid-sig-rs256",
		"invalid-sig-es256", "nonce-invalid", "userinfo-invalid-sub", "discovery-issuer-mismatch":
		e.first = refused
	case "idtoken-sig-none":
		// Signatures are demanded although Core section 3.1.3.7 lets a client go without.
		e.first, e.results = refused, []string{"SKIPPED"}
	case "discovery-openid-config":
		e.first, e.halt = underWay, true
	case "discovery-jwks-uri-keys":
		e.unasked = true
	case "signing-key-rotation":
		e.steps = []step{againOther}
	}
	switch {
	case slices.Contains(e.steps, leave):
		e.last = signedOut
	case slices.Contains(e.steps, leftElsewhere):
		e.last = refused
	case len(e.steps) > 0:
		e.last = inApp
	}
	if strings.HasPrefix(name, "rp-frontchannel") {
		e.results = []string{"REVIEW"} // the suite cannot see into the frame, the driver does
	}
	return e
}
