package clients

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryDescriptionLoads(t *testing.T) {
	assert.Equal(t, []string{
		"anacrolix", "anacrolix-torrent", "aria2", "bittorrent-dht", "bittorrent-tracker", "gnutella-bun", "gtk-gnutella",
		"libtorrent", "limewire", "memberlist", "opennap", "opentracker", "serf", "transmission", "webtorrent",
	}, Names())
	for _, name := range Names() {
		c, err := Load(name)
		require.NoError(t, err)
		assert.Equal(t, name, c.Name)
		assert.NotEmpty(t, c.Version, name)
		assert.NotEmpty(t, c.Install, name)
		assert.NotEmpty(t, c.Roles, name)
		if c.Kind == Command {
			assert.NotEmpty(t, c.VersionFrom, "%s: reports name exact versions", name)
			if c.Searches != "" {
				assert.Contains(t, c.Program, c.Searches, "%s searches what its program line says", name)
			}
		}
	}
}

func TestAnUnknownClientIsRefusedWithTheKnownOnes(t *testing.T) {
	_, err := Load("utorrent")
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"utorrent"`)
	assert.Contains(t, err.Error(), "libtorrent")
}

func TestADescriptionIsStrict(t *testing.T) {
	const good = "name = \"x\"\nkind = \"command\"\nprogram = [\"x\"]\nready = \"1s\"\nstop = \"SIGTERM\"\n"
	for _, tc := range []struct{ name, text, want string }{
		{"unknown key", good + "\npaceing = 3\n", "x.toml:7: unknown key paceing"},
		{"wrong type", "name = \"x\"\npacing = \"a\"\n", "x.toml:2:"},
		{"bad duration", "ready = \"soon\"\n", "x.toml:1:"},
		{"bad prefix", good + "sources = \"10.0.0.0\"\n", "x.toml:6:"},
		{"unknown way to peers", good + "[leecher]\npeers = \"rumour\"\n", `as a leecher: peers must be`},
		{"part without program", "name = \"x\"\n[seeder]\nkind = \"command\"\n", "as a seeder: program is missing"},
		{"unknown key of a part", good + "[tracker]\nprogramme = []\n", "x.toml:7: unknown key tracker.programme"},
		{"no name", "kind = \"command\"\n", "name is missing"},
		{"bad kind", "name = \"x\"\nkind = \"docker\"\n", `not "docker"`},
		{"own address among the sources", good + "ip = \"10.0.0.1\"\nsources = \"10.0.0.0/24\"\n", "must not contain"},
		{"sources without address", good + "sources = \"10.0.0.0/24\"\n", "sources without ip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.toml")
			require.NoError(t, os.WriteFile(file, []byte(tc.text), 0o600))
			_, err := Load(file)
			require.Error(t, err)
			assert.Contains(t, err.Error(), tc.want)
			assert.Contains(t, err.Error(), file)
		})
	}
}

func TestArgvNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.toml")
	text := "name = \"x\"\ninstall = \"the shop\"\nkind = \"adapter\"\nready = \"1s\"\nstop = \"stop\"\n" +
		"program = [\"sh\", \"{clients}/run.sh\", \"{ip}\"]\nfiles = [\"run.sh\"]\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := Load(file)
	require.NoError(t, err)

	_, err = c.Argv()
	require.Error(t, err)
	assert.Contains(t, err.Error(), "run.sh")
	assert.Contains(t, err.Error(), "the shop")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "run.sh"), nil, 0o600))
	argv, err := c.Argv()
	require.NoError(t, err)
	assert.Equal(t, []string{"sh", filepath.Join(dir, "run.sh"), "{ip}"}, argv)
}

func TestInstalledReadsTheVersion(t *testing.T) {
	c := Client{Name: "x", VersionFrom: []string{"echo", "x-daemon 3.00 (bb6b5a062e)"}}
	v, err := c.Installed(context.Background())
	require.NoError(t, err)
	assert.Equal(t, "3.00", v)

	c.VersionFrom = []string{"echo", "no number"}
	_, err = c.Installed(context.Background())
	assert.Error(t, err)
}

func TestOutsideACloneTheAdaptersAreWrittenOut(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Chdir(t.TempDir())

	c, err := Load("libtorrent")
	require.NoError(t, err)
	for _, f := range c.Files {
		assert.FileExists(t, filepath.Join(c.folder, f))
	}
	c, err = Load("bittorrent-dht")
	require.NoError(t, err)
	_, err = c.Argv()
	require.Error(t, err, "npm's packages are not in the binary")
	assert.Contains(t, err.Error(), FolderVariable)
}

func TestTheFolderVariableWins(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(FolderVariable, dir)
	c, err := Load("anacrolix")
	require.NoError(t, err)
	assert.Equal(t, dir, c.folder)
}

func TestAPartInheritsWhatItLeavesOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.toml")
	text := `name = "x"
kind = "adapter"
program = ["node"]
ready = "10s"
stop = "stop"
roles = ["responder", "querier"]
ip = "10.77.0.1"
sources = "10.77.64.0/18"
quirks = ["It is odd."]

[seeder]
kind = "command"
program = ["seed", "{torrent}"]
stop = "SIGTERM"
quirks = ["It is shy."]

[leecher]
peers = "dial"
`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := Load(file)
	require.NoError(t, err)
	assert.Equal(t, []string{"responder", "querier", "seeder", "leecher"}, c.Plays())

	node, ok := c.As("querier")
	require.True(t, ok)
	assert.Equal(t, []string{"node"}, node.Program)
	assert.Equal(t, []string{"It is odd."}, node.Quirks)

	seeder, ok := c.As("seeder")
	require.True(t, ok)
	assert.Equal(t, []string{"seed", "{torrent}"}, seeder.Program)
	assert.Equal(t, Command, seeder.Kind)
	assert.Equal(t, c.Ready, seeder.Ready)
	assert.Equal(t, c.IP, seeder.IP)
	assert.Equal(t, []string{"It is shy."}, seeder.Quirks)

	leecher, ok := c.As("leecher")
	require.True(t, ok)
	assert.Equal(t, []string{"node"}, leecher.Program)
	assert.Equal(t, "dial", leecher.Peers)
	assert.Equal(t, []string{"It is odd."}, leecher.Quirks)

	_, ok = c.As("tracker")
	assert.False(t, ok)
}
