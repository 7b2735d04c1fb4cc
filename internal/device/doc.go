// Package device says what a User-Agent header and an address tell of the device that a
// person signed in on, so that people recognise their own.
//
// It owns the table of browsers and systems and the kinds of places. It asks nobody:
// no lookup service, no database of addresses. What it says is a help for people and
// never a reason to trust or to refuse, since any client may send any User-Agent. It
// owns no words of any language but names of products.
//
// RFC 9110 section 10.1.5 (User-Agent), RFC 1918, RFC 3927, RFC 4193, RFC 4291.
package device
