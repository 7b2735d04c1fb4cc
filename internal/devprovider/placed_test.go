package devprovider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	records "github.com/cardea-auth/cardea/internal/record"
)

const here = "http://127.0.0.1:9000"

func TestAPlacedRecordLeadsNowhereElse(t *testing.T) {
	for _, kind := range records.Kinds() {
		t.Run(kind, func(t *testing.T) {
			r, _ := records.Lookup(kind)
			placed := devprovider.Placed(r, here)
			// What is for people to read or for their browsers to show is called by nobody.
			placed.Notes, placed.Sources, placed.Fixes, placed.Register = nil, nil, nil, records.Register{}
			placed.Refresh.MissingAdvice, placed.Claims.Picture.Template = "", ""
			text, err := json.Marshal(placed)
			if err != nil {
				t.Fatal(err)
			}
			for rest := string(text); ; {
				_, after, found := strings.Cut(rest, `"https://`)
				if !found {
					break
				}
				address, tail, _ := strings.Cut(after, `"`)
				// A claim may be named after an address.
				if !strings.Contains(strings.Join(claimNames(r), " "), "https://"+address) {
					t.Errorf("https://%s is elsewhere", address)
				}
				rest = tail
			}
			if diff := cmp.Diff(devprovider.Placed(r, here), devprovider.Placed(devprovider.Placed(r, here), here)); diff != "" {
				t.Errorf("placed twice it is another (-once +twice):\n%s", diff)
			}
		})
	}
}

func claimNames(r records.Record) []string {
	var names []string
	for _, path := range append(r.Claims.SubjectKey, r.Claims.Username, r.Claims.Name, r.Claims.Email.Claim, r.Claims.Groups.Claim) {
		names = append(names, string(path))
	}
	return names
}

func TestPlacingMovesHostsBelowPathsAndKeepsTemplates(t *testing.T) {
	r := records.Record{
		Endpoints: records.Endpoints{Authorization: "{origin}/authorize", UserInfo: "https://api.example.com/v2/{client_id}/me?x=1"},
		Issuer:    records.Issuer{Default: "https://id.example.com", Also: []string{"id.example.com", "https://old.example.com/"}, ParamValue: "https://id.example.com/oauth"},
		SignOut:   records.SignOut{ManualURL: "https://id.example.com/bye"},
		Claims: records.Claims{
			Picture: records.Picture{Template: "https://cdn.example.com/{claim:id}"},
			Groups:  records.Groups{Lists: []records.GroupList{{URL: "https://api.example.com/groups"}}},
		},
	}
	got := devprovider.Placed(r, here)
	list := []string{
		got.Endpoints.Authorization, got.Endpoints.UserInfo, got.Issuer.Default, got.Issuer.Also[0], got.Issuer.Also[1],
		got.Issuer.ParamValue, got.SignOut.ManualURL, got.Claims.Picture.Template, got.Claims.Groups.Lists[0].URL,
	}
	want := []string{
		"{origin}/authorize", here + "/~api.example.com/v2/{client_id}/me?x=1", here + "/~id.example.com", "id.example.com", here + "/~old.example.com/",
		here + "/~id.example.com/oauth", here + "/~id.example.com/bye", "https://cdn.example.com/{claim:id}", here + "/~api.example.com/groups",
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.Issuer.Also[1] != "https://old.example.com/" || r.Claims.Groups.Lists[0].URL != "https://api.example.com/groups" {
		t.Error("the record that was given is changed")
	}
}
