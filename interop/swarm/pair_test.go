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
	return makeContent(t, metainfo.V1, 64<<10, lengths...)
}

// TestDownloadFromClients: serve leecher has the bytes of each real seeder.
func TestDownloadFromClients(t *testing.T) {
	for _, c := range clients() {
		for _, encryption := range encryptions(c) {
			t.Run(c.name+"/"+encryption, func(t *testing.T) {
				needs(t, c)
				t.Parallel()
				content := small(t, c)
				port, dir := nextPort(), t.TempDir()
				seeder := c.start(t, content.torrent, content.copyTo(t), port, encryption)
				awaitPeer(t, seeder, content, port, encryption)
				leecher := ours(t, "leecher", content.torrent, dir, nextPort(),
					"--peer", address(port), "--once", "--encryption", encryption)
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
				port, dir := nextPort(), t.TempDir()
				ourPort := nextPort()
				if c.dials {
					seeder := ours(t, "seeder", content.torrent, content.dir, ourPort, "--encryption", encryption)
					awaitListener(t, seeder, ourPort)
					leecher := c.start(t, content.torrent, dir, port, encryption, address(ourPort))
					content.await(t, dir, patience, seeder, leecher)
					end(t, seeder)
					return
				}
				leecher := c.start(t, content.torrent, dir, port, encryption)
				awaitPeer(t, leecher, content, port, encryption)
				seeder := ours(t, "seeder", content.torrent, content.dir, ourPort,
					"--peer", address(port), "--encryption", encryption)
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
