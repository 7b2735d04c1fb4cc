// Package proxy passes admitted requests on to an app and its answers back: HTTP/1.1
// and HTTP/2, WebSocket, event streams, uploads and downloads of any size.
//
// It owns the connections to the app, the identity and forwarded headers, the removal
// of Cardea's own cookies, what answers may be cached, and the end of everything that
// a session has open. It gives no verdict (guard does), shows no page (web does, by
// hooks), and does not decide when a session ends (signout does, by the register).
//
// # Identity headers
//
// Whatever a client sent under the name of an identity or forwarding header, in any
// letter case and with any separator that a gateway interface reads as "-" or "_", is
// removed first, also from trailers; what is set afterwards comes from the session
// alone. Values are UTF-8 as they are: bytes above 0x7f are opaque data in HTTP
// (RFC 9110 section 5.5). Account ids and handles are always ASCII. Servers that decode
// headers as ISO 8859-1 (Tornado and so JupyterHub; Starlette and so Chainlit and
// Streamlit; Node) show other values rightly after value.encode("latin-1").decode("utf-8").
// A value with a control character or that is not UTF-8 is left out and logged once.
//
// # Upgrades
//
// Only WebSocket (RFC 6455) leaves HTTP: any other upgrade is passed on as a plain
// request, so that nobody smuggles requests past the verdict (h2c). When a session
// ends its sockets get a close frame in both directions and are closed within a second.
//
// Implements RFC 9110 sections 7.6, 7.8 and 15.2, RFC 9112, RFC 7239, RFC 6265 section
// 5.4 (removal), RFC 9111 section 5.2, RFC 6455 sections 5 and 7.
package proxy
