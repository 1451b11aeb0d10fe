package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance/clients"
)

// A described client has a program for each role, and is spared the cases of the
// others with the reason.
func TestDescribedClientPlaysItsRoles(t *testing.T) {
	t.Setenv("P2PSPEC_TEST_PROGRAM", "1")
	file := filepath.Join(t.TempDir(), "x.toml")
	text := fmt.Sprintf(`name = "x"
kind = "command"
ready = "10s"
stop = "SIGTERM"
version_from = ["echo", "1.2"]
quirks = ["It is odd."]
[seeder]
program = [%[1]q, "-test.run=^TestProgramProcess$", "--", "seed", "{port}", "{torrent}", "{dir}"]
[leecher]
program = [%[1]q, "-test.run=^TestProgramProcess$", "--", "leech", "{tracker}", "{torrent}", "{dir}"]
peers = "dial"
quirks = ["It is shy."]
`, os.Args[0])
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := clients.Load(file)
	require.NoError(t, err)

	serves := Case{ID: "a/x/serves", Role: Seeder, Run: func(t *T) {
		s := t.Dial()
		until(t, "the end", s.Ended)
		t.Earn()
	}}
	learns := Case{ID: "a/x/learns", Role: Leecher, Run: func(t *T) {
		if t.Learns() != FromDial {
			t.Failf("it learns of peers by %s", t.Learns())
		}
		t.Earn()
	}}
	tracks := Case{ID: "a/x/tracks", Role: Tracker, Run: func(t *T) { t.Failf("it must not run") }}
	suite := streamSuite("a", &StartOptions{Torrent: []byte("x")}, serves, learns, tracks)

	verdicts := func(roles ...Role) (got []Verdict, id Identity) {
		target, err := NewClientTarget(t.Context(), c, "toys", roles...)
		require.NoError(t, err)
		for _, res := range runProgram(t, target, suite) {
			got = append(got, res.Verdict)
		}
		return got, target.Identity()
	}
	got, id := verdicts()
	assert.Equal(t, []Verdict{Pass, Pass, Skipped}, got)
	assert.Equal(t, Identity{Name: "x", Version: "1.2", How: "client", Quirks: []string{"It is odd.", "It is shy."}}, id)

	got, id = verdicts(Leecher)
	assert.Equal(t, []Verdict{Skipped, Pass, Skipped}, got)
	assert.Equal(t, []string{"It is shy."}, id.Quirks, "those of a role replace those of the client")
}
