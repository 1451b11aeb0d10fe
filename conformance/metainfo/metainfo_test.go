package metainfo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/conformancetest"
	"github.com/p2pspec/p2pspec/conformance/metainfo"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

func suites() conformancetest.Suites { return conformancetest.Suites{All: metainfo.Suites()} }

func mutants() []conformancetest.Mutant {
	var list []conformancetest.Mutant
	for _, m := range metainfo.Mutants() {
		list = append(list, conformancetest.Mutant{
			Name: m.Name, What: m.What, Target: metainfo.Target{Reader: m.Reader},
		})
	}
	return list
}

// The reference reader meets every case.
func TestReferenceReaderPasses(t *testing.T) {
	suites().Met(t, metainfo.Target{}, conformance.Options{Jobs: 4})
}

// Each mutant is found by exactly the cases that say so.
func TestMutantsAreKilledAsDeclared(t *testing.T) { suites().KillSets(t, mutants()) }

func TestEveryCaseKillsAMutant(t *testing.T) { suites().EveryCaseKills(t, mutants()) }

// Every vector is played by one case, and every case plays some.
func TestEveryVectorIsPlayed(t *testing.T) {
	played, cases := 0, metainfo.Suites()[0].Cases
	for _, name := range []string{"metainfo", "magnet"} {
		f, err := vectors.Load(name)
		require.NoError(t, err)
		for _, v := range f.Vectors {
			if v.Operation == "info-hash" {
				continue // the same as hash/…, but with the content
			}
			in := 0
			for _, c := range cases {
				if strings.HasPrefix("metainfo/"+v.Name, c.ID+"/") {
					in++
				}
			}
			assert.Equal(t, 1, in, v.Name)
			played++
		}
	}
	assert.Greater(t, played, 300)
	for _, c := range cases {
		assert.NotEmpty(t, c.Requirements, "%s has no vectors", c.ID)
	}
}
