package conformance

import (
	"errors"
	"strings"
	"testing"
)

func selectable() []Suite {
	return []Suite{
		{Name: "bep5", Family: "dht", Cases: []Case{
			{ID: "bep5/ping/echoes-transaction-id", Level: Must},
			{ID: "bep5/ping/carries-version", Level: May},
			{ID: "bep5/get-peers/token-required", Level: Must},
		}},
		{Name: "bep51", Family: "dht", Cases: []Case{
			{ID: "bep51/samples/multiple-of-20", Level: Should},
			{ID: "bep51/samples/as-libtorrent", Level: Defacto},
		}},
		{Name: "bep15", Family: "tracker", Cases: []Case{{ID: "bep15/connect/answers", Level: Must}}},
	}
}

func ids(selected []Selected) string {
	var out []string
	for _, s := range selected {
		out = append(out, s.Case.ID)
	}
	return strings.Join(out, " ")
}

func TestSelect(t *testing.T) {
	const (
		tid     = "bep5/ping/echoes-transaction-id"
		version = "bep5/ping/carries-version"
		token   = "bep5/get-peers/token-required"
		of20    = "bep51/samples/multiple-of-20"
		asLT    = "bep51/samples/as-libtorrent"
		connect = "bep15/connect/answers"
	)
	for _, c := range []struct {
		name     string
		patterns []string
		level    Level
		want     []string
	}{
		{"no pattern is all", nil, "", []string{tid, version, token, of20, asLT, connect}},
		{"suite, not the suites that begin like it", []string{"bep5"}, "", []string{tid, version, token}},
		{"family", []string{"dht"}, "", []string{tid, version, token, of20, asLT}},
		{"id", []string{tid}, "", []string{tid}},
		{"prefix at a slash", []string{"bep5/ping"}, "", []string{tid, version}},
		{"trailing slash", []string{"bep5/ping/"}, "", []string{tid, version}},
		{"glob within a segment", []string{"bep5/ping/echoes-*"}, "", []string{tid}},
		{"glob over areas", []string{"*/samples"}, "", []string{of20, asLT}},
		{"glob over suites", []string{"bep5*"}, "", []string{tid, version, token, of20, asLT}},
		{"overlap counts once, suite order", []string{connect, "bep5/ping", tid}, "",
			[]string{tid, version, connect}},
		{"must alone", nil, Must, []string{tid, token, connect}},
		{"should", []string{"dht"}, Should, []string{tid, token, of20}},
		{"de facto", []string{"dht"}, Defacto, []string{tid, token, of20, asLT}},
		{"may is all", []string{"dht"}, May, []string{tid, version, token, of20, asLT}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Select(selectable(), c.patterns, c.level)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Join(c.want, " "); ids(got) != want {
				t.Errorf("got  %s\nwant %s", ids(got), want)
			}
		})
	}
}

func TestSelectPointsIntoTheSuites(t *testing.T) {
	suites := selectable()
	got, err := Select(suites, []string{"bep15"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Suite != &suites[2] || got[0].Case != &suites[2].Cases[0] {
		t.Error("the selection copies the suite or the case")
	}
}

func TestSelectRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		suites   []Suite
		patterns []string
		level    Level
		says     []string
	}{
		{"unknown id", selectable(), []string{"bep5/ping/echos-transaction-id"}, "",
			[]string{`"bep5/ping/echos-transaction-id"`, "nearest: bep5/ping/echoes-transaction-id"}},
		{"one unknown among known", selectable(), []string{"dht", "nosuchcase"}, "",
			[]string{`"nosuchcase"`, "p2pspec list"}},
		{"part of a name", selectable(), []string{"token"}, "",
			[]string{"bep5/get-peers/token-required"}},
		{"half a segment is no prefix", selectable(), []string{"bep5/pi"}, "",
			[]string{"nearest: bep5/ping"}},
		{"empty pattern", selectable(), []string{""}, "", []string{`""`}},
		{"glob that matches nothing", selectable(), []string{"bep9*"}, "", []string{`"bep9*"`}},
		{"broken glob", selectable(), []string{"bep[5"}, "", []string{"not a glob"}},
		{"unknown level", selectable(), nil, "shall", []string{`"shall"`, "must, should, defacto, may"}},
		{"level leaves nothing", selectable(), []string{"bep51"}, Must, []string{"2 cases", `"must"`}},
		{"no suites", nil, nil, "", []string{"no case"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Select(c.suites, c.patterns, c.level)
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("got %q, error %v; want a usage error", ids(got), err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}
