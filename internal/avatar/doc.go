// Package avatar makes pictures of people fit to be kept and served, and fetches those
// that providers name.
//
// It owns how a picture is read: bounded in bytes, sides, pixels and time before it is
// decoded, known by its content and never by what it says it is, cropped, scaled and
// encoded anew, so that only pixels survive. It owns when and how a provider's picture is
// fetched: in the background, once at a time for an account, over https, from no address
// inside a network, sending nothing that belongs to anybody. Nothing here can fail or delay
// a sign-in.
//
// It owns no database, no page and no handler: a store keeps the pictures (one row for an
// account) and faces serve them. OpenID Connect Core section 5.1 (picture), RFC 2397
// (data: URLs), PNG third edition, ITU-T T.81 with Exif orientation, RFC 9649 (WebP).
package avatar
