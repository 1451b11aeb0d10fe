package folder

import (
	"bytes"
	"crypto/sha1"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func write(t *testing.T, content string, path ...string) {
	t.Helper()
	at := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
	require.NoError(t, os.WriteFile(at, []byte(content), 0o644))
}

// A folder shares the files in it, and nothing outside of it.
func TestShare(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, "a secret", outside, "secret")
	write(t, "one", dir, "a.txt")
	write(t, "two", dir, "sub", "b.txt")
	write(t, "", dir, "empty")
	write(t, "hidden", dir, ".hidden")
	write(t, "hidden", dir, ".git", "config")
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")))
	var sums [][sha1.Size]byte
	s, err := Share(dir, func(r io.Reader) error {
		sum, err := SHA1(r)
		sums = append(sums, sum)
		return err
	})
	require.NoError(t, err)
	defer s.Close()
	var names []string
	for i, f := range s.Files {
		names = append(names, f.Name)
		file, err := s.Open(i)
		require.NoError(t, err)
		content, err := io.ReadAll(file)
		require.NoError(t, err)
		assert.Len(t, content, int(f.Size))
		assert.Equal(t, sha1.Sum(content), sums[i])
		require.NoError(t, file.Close())
	}
	assert.Equal(t, []string{"a.txt", "empty", "b.txt"}, names)
	require.Len(t, s.Skipped, 1)
	assert.ErrorContains(t, s.Skipped[0], "link")

	write(t, "changed", dir, "a.txt")
	_, err = s.Open(0)
	require.ErrorContains(t, err, "changed")
	require.NoError(t, os.Chtimes(filepath.Join(dir, "empty"), time.Time{}, time.Unix(1, 0)))
	_, err = s.Open(1)
	require.ErrorContains(t, err, "changed")
	require.NoError(t, os.Remove(filepath.Join(dir, "sub", "b.txt")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "sub", "b.txt")))
	_, err = s.Open(2)
	require.Error(t, err, "a link out of the folder was put in the file's place")

	_, err = Share(filepath.Join(dir, "none"), nil)
	require.Error(t, err)
	_, err = Share(dir, func(io.Reader) error { return io.ErrClosedPipe })
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// A folder below that cannot be read does not keep the others from being shared.
func TestOddFoldersAreSkipped(t *testing.T) {
	dir := t.TempDir()
	write(t, "one", dir, "a.txt")
	write(t, "odd", dir, "caf\xe9", "b.txt")
	write(t, "two", dir, "sub", "c.txt")
	s, err := Share(dir, func(io.Reader) error { return nil })
	require.NoError(t, err)
	defer s.Close()
	require.Len(t, s.Files, 2)
	assert.Equal(t, "c.txt", s.Files[1].Name)
	require.Len(t, s.Skipped, 1)
	assert.ErrorContains(t, s.Skipped[0], `caf\xe9`)
}

// What is not good leaves nothing; what is gets a name of its own.
func TestInbox(t *testing.T) {
	dir := t.TempDir()
	in, err := OpenInbox(dir)
	require.NoError(t, err)
	defer in.Close()
	names := func() (all []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	for _, c := range []struct{ name, want string }{
		{"../../song.mp3", "song.mp3"}, {`C:\song.mp3`, "song (2).mp3"}, {"...", "unnamed"}, {"", "unnamed (2)"},
	} {
		p, err := in.Create()
		require.NoError(t, err)
		_, err = p.WriteString(c.name)
		require.NoError(t, err)
		for _, n := range names() {
			assert.NotEqual(t, c.want, n, "it has its name before it is good")
		}
		got, err := p.Keep(c.name)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
		content, err := os.ReadFile(filepath.Join(dir, got))
		require.NoError(t, err)
		assert.Equal(t, c.name, string(content))
	}
	p, err := in.Create()
	require.NoError(t, err)
	require.Len(t, names(), 5)
	require.NoError(t, p.Discard())
	assert.Len(t, names(), 4)
	p, err = in.Create()
	require.NoError(t, err)
	require.NoError(t, p.Close())
	_, err = p.Keep("closed")
	require.Error(t, err)
	assert.Len(t, names(), 4)
	p, err = in.Create()
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, p.name)))
	_, err = p.Keep("vanished")
	require.Error(t, err)
	assert.Len(t, names(), 4, "the name that was reserved is left")
	_, err = OpenInbox(filepath.Join(dir, "none"))
	require.Error(t, err)
}

// Whatever a stranger calls a file, it is one name, in the folder, for all to see.
func TestSafeNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letter := rapid.OneOf(rapid.SampledFrom([]byte(". : a")), rapid.SampledFrom([]byte("/\\\n.")),
			rapid.ByteRange(0x20, 0xff))
		b := rapid.SliceOfN(letter, 0, 400).Draw(t, "name")
		name := SafeName(string(b))
		require.True(t, filepath.IsLocal(name), "%q", name)
		require.Equal(t, name, filepath.Base(name))
		require.False(t, strings.HasPrefix(name, "."))
		require.True(t, utf8.ValidString(name))
		require.LessOrEqual(t, len(name), longestSaved)
		require.False(t, strings.ContainsFunc(name, unicode.IsControl))
		require.False(t, bytes.ContainsAny([]byte(name), `<>:"|?*`))
		require.Equal(t, name, SafeName(name))
	})
	for name, want := range map[string]string{
		strings.Repeat("x", 300) + ".mp3": strings.Repeat("x", longestSaved-4) + ".mp3",
		"con":                             "_con",
		"NUL.tar.gz":                      "_NUL.tar.gz",
		"Com9 .txt":                       "_Com9 .txt",
		"lpt1":                            "_lpt1",
		"COM0":                            "COM0",
		"console.mp3":                     "console.mp3",
		"LPT12.txt":                       "LPT12.txt",
		"a\u202egpj.exe":                  "a_gpj.exe",
		"a\u0085b\u200d":                  "a_b_",
	} {
		assert.Equal(t, want, SafeName(name), "%q", name)
	}
}
