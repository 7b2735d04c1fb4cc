// Command bench measures what Cardea costs, as ratios taken in one run on one machine:
// against a bare net/http handler and a bare httputil.ReverseProxy that put the same
// bytes on the wire. Run it with "go run ./bench" from the module's root.
//
// It owns the budgets' rows, the load generator, and the processes that it measures:
// every server is this binary run again, or the built cardea. It holds no rule of the
// product and changes nothing outside a temporary folder. Everything listens on
// loopback, and every round is bounded in number and time.
//
// # How figures are taken
//
// Rounds of two candidates alternate (A B, B A, ...), and a round's ratio is taken from
// its two neighbouring legs, so that a machine that is slow for a while is slow for both.
// The table shows the median of the rounds with the least and the greatest. CPU seconds
// are those of the server's process alone (getrusage), which other work on the machine
// disturbs less than requests per second.
package main
