package urn

// TreeBlock is how many bytes of a file one leaf of its tree stands for.
const TreeBlock = 1024

// Tree computes the root of a file's Tiger tree from its bytes, in order. A leaf
// is the Tiger of a zero byte and a block, a node that of a one byte and its two
// children; who is left over at the end of a row goes up as it is. The zero value
// is ready.
type Tree struct {
	block  []byte      // begun, shorter than TreeBlock; its zero byte comes first
	roots  []TigerHash // of the full subtrees so far, the largest first
	leaves uint64
}

// Write appends bytes of the file. It never fails.
func (t *Tree) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		t.begin()
		k := min(len(b), 1+TreeBlock-len(t.block))
		t.block, b = append(t.block, b[:k]...), b[k:]
		if len(t.block) == 1+TreeBlock {
			t.leaf()
		}
	}
	return n, nil
}

// Root is the hash of what was written. More may be written after it.
func (t *Tree) Root() TigerHash {
	roots := t.roots
	if len(t.block) > 1 || t.leaves == 0 {
		t.begin()
		roots = append(roots[:len(roots):len(roots)], Tiger(t.block))
	}
	root := roots[len(roots)-1]
	for i := len(roots) - 2; i >= 0; i-- {
		root = parent(roots[i], root)
	}
	return root
}

func (t *Tree) begin() {
	if len(t.block) == 0 {
		t.block = append(make([]byte, 0, 1+TreeBlock), 0)
	}
}

// leaf adds a full block. Each trailing one bit of the number of leaves is a
// subtree that this leaf completes.
func (t *Tree) leaf() {
	h := Tiger(t.block)
	for n := t.leaves; n&1 == 1; n >>= 1 {
		last := len(t.roots) - 1
		h = parent(t.roots[last], h)
		t.roots = t.roots[:last]
	}
	t.roots = append(t.roots, h)
	t.leaves++
	t.block = t.block[:1]
}

func parent(left, right TigerHash) TigerHash {
	b := make([]byte, 0, 1+2*len(left))
	b = append(append(append(b, 1), left[:]...), right[:]...)
	return Tiger(b)
}
