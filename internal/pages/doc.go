// Package pages renders everything that a person sees from the gateway itself:
// the choice of a provider, the signed-out page with its receipt, denied,
// problem, confirm, the page that moves on by itself, the page for frames and
// the page that says nothing was saved.
//
// The package owns the texts (English and Chinese, by the person's choice, else by
// Accept-Language), the style sheet, the response headers of a page, and the rule that nothing
// dynamic reaches a page unescaped, unbounded or able to reorder the text around
// it. Every response is self-contained: style and icon are inside, there is no
// script, and nothing is fetched. A page therefore works on any app's host. The one
// exception is a person's own page, which is on the gateway's origin alone: it shows
// their picture, and a script (account.js) keeps its lists up to date.
//
// It does not own any decision: views are plain structs that callers fill, and
// no domain type is known here. Of cookies it reads the language alone, and it sets none. The one claim
// it corrects is a receipt that says "complete" while a step of it is not done.
//
// Specifications: RFC 9110 section 12.5.4 (Accept-Language) and 12.5.5 (Vary),
// Content Security Policy Level 3, Referrer Policy, HTML "refresh" pragma,
// WCAG 2.2 level AA.
package pages
