package session

import "testing"

func TestAClientsMarkIsThatOfNoOther(t *testing.T) {
	one := Client{Provider: "main", Issuer: "https://id.example.com", ID: "cardea"}
	if again := one; again.Mark() != one.Mark() || one.Mark() == "" {
		t.Fatalf("mark %q", one.Mark())
	}
	for _, other := range []Client{
		{}, {Provider: "main", Issuer: "https://id.example.com/", ID: "cardea"}, {Provider: "main", Issuer: "https://id.example.com", ID: "cardea2"},
		{Provider: "other", Issuer: "https://id.example.com", ID: "cardea"}, {Provider: "main\x00https:", Issuer: "//id.example.com", ID: "cardea"},
		{Provider: "main", Issuer: "https://id.example.com\x00c", ID: "ardea"},
	} {
		if other.Mark() == one.Mark() {
			t.Errorf("%+v has the same mark", other)
		}
	}
}
