package metainfo_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	core "github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/metainfo"
)

// reads makes the test binary a program that reads a torrent or a link.
const reads = "P2PSPEC_TEST_READS"

func TestMain(m *testing.M) {
	if os.Getenv(reads) == "" || len(os.Args) != 2 {
		os.Exit(m.Run())
	}
	in := os.Args[1]
	if b, err := os.ReadFile(in); err == nil {
		t, err := core.Parse(b, core.Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		show(t.Info.HasV1, t.Info.HasV2, t.Info.InfoHash, t.Info.InfoHashV2)
		os.Exit(0)
	}
	l, err := core.ParseMagnet(in)
	if err != nil {
		os.Exit(1)
	}
	show(l.HasV1, l.HasV2, l.InfoHash, l.InfoHashV2)
	os.Exit(0)
}

func show(v1, v2 bool, hash [20]byte, hash2 [32]byte) {
	if v1 {
		fmt.Println("Info Hash:", hex.EncodeToString(hash[:]))
	}
	if v2 {
		fmt.Println("v2: 1220" + hex.EncodeToString(hash2[:]))
	}
}

// A program that prints the info-hash passes every case that asks for no more,
// and the others end as unsupported.
func TestProgramThatPrintsTheInfoHash(t *testing.T) {
	t.Setenv(reads, "1")
	self, err := os.Executable()
	require.NoError(t, err)
	r, err := conformance.Run(t.Context(), &conformance.CommandTarget{
		Name: "self", Argv: []string{self, "{torrent}", "{magnet}"}, Sources: conformance.LoopbackSources(),
	}, conformance.Options{Suites: metainfo.Suites()})
	require.NoError(t, err)
	for _, res := range r.Results {
		switch res.Verdict {
		case conformance.Pass:
		case conformance.Unsupported, conformance.Skipped:
			assert.True(t, res.Reason != "" || res.Failure != nil, res.Case)
		default:
			t.Errorf("%s: %s %+v", res.Case, res.Verdict, res.Failure)
		}
	}
	assert.Greater(t, r.Summary[conformance.Pass], 50)
	assert.Less(t, r.Summary[conformance.Unsupported]+r.Summary[conformance.Skipped], 25)
}

// No case passes of a reader that does nothing of use.
func TestUselessReadersPassNothing(t *testing.T) {
	says := func(reply map[string]any, err error) metainfo.Reader {
		return metainfo.Reader{
			Torrent: func([]byte) (map[string]any, error) { return reply, err },
			Magnet:  func(string) (map[string]any, error) { return reply, err },
			Make:    func(*core.Plan, core.Read) ([]byte, error) { return []byte("de"), err },
		}
	}
	hash := strings.Repeat("cd", 20)
	for _, r := range []metainfo.Reader{
		says(nil, nil), says(nil, errors.New("no")), says(map[string]any{"info_hash": hash}, nil),
		says(map[string]any{"info_hash_v2": hash[:24] + hash}, nil), says(map[string]any{"info_hash": 5}, nil),
		says(map[string]any{"info_hash": "71bf1f235e5aeb99acbb6e2f09129a6995e21573"}, nil), // the plain torrent's
		says(map[string]any{"info_hash": "", "files": []any{}}, nil),
	} {
		suites().NoPasses(t, metainfo.Target{Reader: r}, 2)
	}
}

// A crash of a program is no refusal, and its silence no info-hash.
func TestUselessProgramsPassNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // there is no sh
	}
	t.Parallel()
	for name, script := range map[string]string{
		"silent": "exit 0", "refuses all": "exit 1", "signal": "kill -SEGV $$", "shell's word for a signal": "exit 139",
		"panic": "echo 'panic: index out of range' >&2; exit 2", "echo": "cat \"$0\"",
	} {
		all := metainfo.Suites()
		all[0].Control = func(t *conformance.T) { t.Earn() }
		r, err := conformance.Run(t.Context(), &conformance.CommandTarget{
			Name: name, Argv: []string{"sh", "-c", script, "{torrent}"}, Sources: conformance.LoopbackSources(),
		}, conformance.Options{Suites: all, Select: []string{"metainfo/hash", "metainfo/bencoding", "metainfo/paths"}})
		require.NoError(t, err)
		assert.Zero(t, r.Summary[conformance.Pass], name)
		assert.Zero(t, r.Summary[conformance.Error], name)
	}
}

// A program that hangs ends a run soon: it is not asked a second time.
func TestProgramThatHangsEndsTheRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	t.Parallel()
	began := time.Now()
	r, err := conformance.Run(t.Context(), &conformance.CommandTarget{
		Name: "hangs", Argv: []string{"sh", "-c", "sleep 1000", "{torrent}"}, Sources: conformance.LoopbackSources(),
	}, conformance.Options{Suites: metainfo.Suites()})
	require.NoError(t, err)
	assert.Zero(t, r.Summary[conformance.Pass])
	assert.Equal(t, conformance.ExitUnreachable, r.Exit)
	assert.Less(t, time.Since(began), 30*time.Second)
}
