// Command screenshots takes pictures of every page of the gateway's own, in both
// languages, both colour schemes, and at the widths of a desktop and a phone:
//
//	make screenshots
//
// The single pictures go to .cache/screenshots; one sheet per page, small enough to be
// kept with the source, goes to docs/images, where docs/pages.md shows it. The same pages
// and fonts give the same bytes.
package main
