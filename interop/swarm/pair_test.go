package swarm_test

import (
	"os"
	"testing"
	"time"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// patience bounds every download: on an idle machine each takes a second.
const patience = 60 * time.Second

// small is some content with pieces across files, a short last piece, and, if
// the client is able to store that, an empty file.
func small(t testing.TB, c client) content {
	lengths := []int64{5_000_000, 0, 1, 70_000, 3_000_000, 16 << 10}
	if c.mapsFiles {
		lengths[1] = 1 << 20
	}
	return makeContent(t, metainfo.Plan{PieceLength: 64 << 10}, lengths...)
}

// TestDownloadFromClients: serve leecher has the bytes of each real seeder.
func TestDownloadFromClients(t *testing.T) {
	for _, c := range clients() {
		for _, encryption := range encryptions(c) {
			t.Run(c.name+"/"+encryption, func(t *testing.T) {
				needs(t, c)
				t.Parallel()
				content := small(t, c)
				at, dir := nextAddress(), t.TempDir()
				seeder := c.start(t, content.torrent, content.copyTo(t), at, encryption)
				awaitPeer(t, seeder, content, at, encryption)
				leecher := ours(t, "leecher", content.torrent, dir, nextAddress(),
					"--peer", at.String(), "--once", "--encryption", encryption)
				select {
				case <-leecher.exit:
				case <-time.After(patience):
					t.Fatalf("not there after %v:\n%s\n%s said:\n%s", patience, leecher.output(),
						c.name, seeder.output())
				}
				if code := leecher.cmd.ProcessState.ExitCode(); code != 0 {
					t.Fatalf("exit code %d:\n%s", code, leecher.output())
				}
				if reason := content.differs(dir); reason != "" {
					t.Error(reason)
				}
			})
		}
	}
}

// TestClientsDownload: each real leecher has the bytes of serve seeder.
func TestClientsDownload(t *testing.T) {
	for _, c := range clients() {
		for _, encryption := range encryptions(c) {
			t.Run(c.name+"/"+encryption, func(t *testing.T) {
				needs(t, c)
				t.Parallel()
				content := small(t, c)
				at, dir := nextAddress(), t.TempDir()
				ourAt := nextAddress()
				if c.dials {
					seeder := ours(t, "seeder", content.torrent, content.dir, ourAt, "--encryption", encryption)
					awaitListener(t, seeder, ourAt)
					leecher := c.start(t, content.torrent, dir, at, encryption, ourAt.String())
					content.await(t, dir, patience, seeder, leecher)
					end(t, seeder)
					return
				}
				leecher := c.start(t, content.torrent, dir, at, encryption)
				awaitPeer(t, leecher, content, at, encryption)
				seeder := ours(t, "seeder", content.torrent, content.dir, ourAt,
					"--peer", at.String(), "--encryption", encryption)
				content.await(t, dir, patience, seeder, leecher)
				end(t, seeder)
			})
		}
	}
}

// encryptions are the policies that a client is tried with.
func encryptions(c client) []string {
	if c.encrypts {
		return []string{"allow", "require"}
	}
	return []string{"allow"}
}

// end interrupts a command of ours, which ends in good order.
func end(t testing.TB, p *process) {
	t.Helper()
	if code := p.stop(os.Interrupt); code != 0 {
		t.Errorf("%s ended with exit code %d:\n%s", p.name, code, p.output())
	}
}
