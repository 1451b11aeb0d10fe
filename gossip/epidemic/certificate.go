package epidemic

import "slices"

// Death certificates (Demers et al. 1987, §2). Everybody keeps one for Tau1; then
// it stays at few nodes for Tau2, dormant: it is told to nobody, and makes no
// difference between databases. When one of them meets a version that the
// certificate is later than, it awakens, and spreads once more as if it were new.
//
// The paper measures by clocks that agree. Here the age of a certificate travels
// with it, and each node measures by its own clock.

// expire lets certificates fall asleep and vanish.
//
// GO-EP-03 (Demers et al. 1987, §2, thresholds τ1 and τ2).
func (n *Node) expire() {
	d := &n.cfg.Deletion
	n.expireAt = never
	n.entries = slices.DeleteFunc(n.entries, func(e entry) bool {
		return e.Deleted && e.since+d.Tau1 <= n.now && (!n.retains(&e.Update) || e.since+d.Tau1+d.Tau2 <= n.now)
	})
	n.sum = 0
	for i := range n.entries {
		e := &n.entries[i]
		if e.Deleted {
			e.dormant = e.since+d.Tau1 <= n.now
			until := e.since + d.Tau1
			if e.dormant {
				until += d.Tau2
			}
			n.expireAt = min(n.expireAt, until)
		}
		n.sum += e.weight()
	}
	n.rumors = slices.DeleteFunc(n.rumors, func(r rumor) bool {
		at, found := n.find(r.key)
		return !found || n.entries[at].dormant
	})
}

// retains reports whether this node is among those that keep u, a certificate,
// dormant. Everybody can tell who they are.
//
// GO-EP-03 (Demers et al. 1987, §2, retention sites).
func (n *Node) retains(u *Update) bool {
	h := u.digest()
	for range n.cfg.Deletion.Retainers {
		if h%uint64(len(n.cfg.Peers)) == uint64(n.self) {
			return true
		}
		h = (h ^ h>>32) * 0x9e3779b97f4a7c15
	}
	return false
}

// disturb has a dormant certificate meet an update that is not later: the
// certificate itself, awakened elsewhere, which is as good as new, or an obsolete
// version, which awakens it.
//
// GO-EP-03 (Demers et al. 1987, §2, dormant death certificates).
func (n *Node) disturb(at int, u *Update) outcome {
	e := &n.entries[at]
	again := !e.Supersedes(u)
	if again && u.Age >= n.cfg.Deletion.Tau1 {
		return known
	}
	awake := e.Update
	if again {
		awake.Age = u.Age
	}
	n.set(at, true, awake)
	if again {
		return learned
	}
	n.heat(&n.entries[at].Update)
	return awakened
}
