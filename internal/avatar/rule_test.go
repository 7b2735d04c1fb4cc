package avatar

import (
	"errors"
	"net/netip"
	"testing"
)

func TestAPicturesAddressIsPublicUnlessTheProviderIsNot(t *testing.T) {
	t.Parallel()
	const world, inside, machine = "https://id.example.com", "https://id.corp", "http://127.0.0.1:9000"
	for _, tc := range []struct {
		issuer, before, to, resolves string
		want                         error
	}{
		{world, "", "https://pictures.example.org/a.png?x=1", "93.184.216.34", nil},
		{world, "", "https://pictures.example.org:8443/a.png", "2606:4700::1111", nil},
		{world, "", "http://pictures.example.org/a.png", "93.184.216.34", plainHTTP},
		{world, "", "ftp://pictures.example.org/a.png", "93.184.216.34", notAnAddress},
		{world, "", "file:///etc/passwd", "93.184.216.34", notAnAddress},
		{world, "", "https:///a.png", "93.184.216.34", notAnAddress},
		{world, "", "https://u:p@pictures.example.org/", "93.184.216.34", notAnAddress},
		{world, "", "https://127.0.0.1/", "127.0.0.1", insideNetwork},
		{world, "", "http://127.0.0.1/", "127.0.0.1", plainHTTP},
		{world, "", "https://[::1]/", "::1", insideNetwork},
		{world, "", "https://[::ffff:127.0.0.1]/", "127.0.0.1", insideNetwork},
		{world, "", "https://2130706433/", "127.0.0.1", insideNetwork},
		{world, "", "https://017700000001/", "127.0.0.1", insideNetwork},
		{world, "", "https://0177.0.0.1/", "127.0.0.1", insideNetwork},
		{world, "", "https://0x7f000001/", "127.0.0.1", insideNetwork},
		{world, "", "https://127.1/", "127.0.0.1", insideNetwork},
		{world, "", "https://localhost/", "127.0.0.1", insideNetwork},
		{world, "", "https://vault/", "10.0.0.7", insideNetwork},
		{world, "", "https://vault.internal/", "10.0.0.7", insideNetwork},
		{world, "", "https://169.254.169.254/latest/meta-data/", "169.254.169.254", insideNetwork},
		{world, "", "https://10.0.0.7/", "10.0.0.7", insideNetwork},
		{world, "", "https://0.0.0.0/", "0.0.0.0", insideNetwork},
		{world, "", "https://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1", insideNetwork},
		// A name that leads inside.
		{world, "", "https://pictures.example.org/", "127.0.0.1", insideNetwork},
		{world, "", "https://pictures.example.org/", "::ffff:10.0.0.7", insideNetwork},
		{world, "", "https://pictures.example.org/", "169.254.169.254", insideNetwork},
		// The provider itself is wherever the operator said that it is; its neighbours are not it.
		{world, "", "https://id.example.com/avatar/1", "10.0.0.7", nil},
		{world, "", "https://id.example.com/avatar/1", "127.0.0.1", nil},
		{world, "", "https://id.example.com/avatar/1", "169.254.169.254", insideNetwork},
		{world, "", "https://id.example.com:9200/_search", "10.0.0.7", insideNetwork},
		// Redirects.
		{world, "https://pictures.example.org/a", "https://cdn.example.net/a", "93.184.216.34", nil},
		{world, "https://pictures.example.org/a", "http://pictures.example.org/a", "93.184.216.34", plainHTTP},
		{world, "https://pictures.example.org/a", "https://127.0.0.1/", "127.0.0.1", intoNetwork},
		{world, "https://pictures.example.org/a", "https://cdn.example.net/", "192.168.1.1", intoNetwork},
		{world, "https://pictures.example.org/a", "data:image/png;base64,AA", "", notAnAddress},
		// A provider inside a network.
		{inside, "", "https://id.corp/avatar/1", "10.0.0.7", nil},
		{inside, "", "https://media.corp/1", "10.0.0.8", nil},
		{inside, "", "https://gravatar.example.org/1", "93.184.216.34", nil},
		{inside, "", "http://media.corp/1", "10.0.0.8", plainHTTP},
		{inside, "", "https://localhost/1", "127.0.0.1", insideNetwork},
		{inside, "", "https://media.corp/1", "127.0.0.1", insideNetwork},
		{inside, "", "https://media.corp/1", "0.0.0.0", insideNetwork},
		{inside, "", "https://169.254.169.254/1", "169.254.169.254", insideNetwork},
		{inside, "https://gravatar.example.org/1", "https://media.corp/1", "10.0.0.8", intoNetwork},
		{inside, "https://gravatar.example.org/1", "https://cdn.example.net/1", "10.0.0.8", intoNetwork},
		{inside, "https://media.corp/1", "https://media.corp/2", "10.0.0.8", nil},
		// A provider on this machine.
		{machine, "", "http://127.0.0.1:9001/a.png", "127.0.0.1", nil},
		{machine, "", "http://localhost:9001/a.png", "::1", nil},
		{machine, "", "https://localhost:9001/a.png", "127.0.0.1", nil},
		{machine, "", "http://10.0.0.7/a.png", "10.0.0.7", plainHTTP},
		{machine, "", "http://169.254.169.254/", "169.254.169.254", plainHTTP},
		{machine, "", "https://169.254.169.254/", "169.254.169.254", insideNetwork},
		{machine, "http://127.0.0.1:9001/a", "http://127.0.0.1:9002/b", "127.0.0.1", nil},
		{machine, "http://127.0.0.1:9001/a", "http://169.254.169.254/", "169.254.169.254", plainHTTP},
		{machine, "http://127.0.0.1:9001/a", "http://[::1]:9002/b", "::1", intoNetwork},
		{machine, "https://pictures.example.org/a", "http://127.0.0.1:9002/b", "127.0.0.1", plainHTTP},
		{machine, "https://pictures.example.org/a", "https://127.0.0.1:9002/b", "127.0.0.1", intoNetwork},
	} {
		h := hop{issuer: parsed(t, tc.issuer), to: parsed(t, tc.to)}
		if tc.before != "" {
			h.before = parsed(t, tc.before)
		}
		err := h.named()
		if err == nil {
			err = h.reached(netip.MustParseAddr(tc.resolves))
		}
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %s to %s (%s): %v, want %v", tc.issuer, tc.before, tc.to, tc.resolves, err, tc.want)
		}
	}
}
