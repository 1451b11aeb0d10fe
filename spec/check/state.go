package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/p2pspec/p2pspec/spec"
)

const (
	// samples is how often a trace is stopped to look at the state: what one
	// moment leaves empty another has filled.
	samples = 32
	// perPath is how many instances of a field are changed, of the many that a
	// table has.
	perPath = 4
)

// state: AppendState covers every field, and a clone shares none. Each field
// that can be reached is changed in a clone by itself; then the clone's state
// must differ and the original must be what it was.
func state(s *Subject) error {
	errs := slices.Concat(checkReasons("NotState", s.NotState), checkReasons("Shared", s.Shared))
	root := reflect.TypeOf(s.New(0, 0))
	if root.Kind() != reflect.Pointer {
		return fmt.Errorf("the machine is a %v; the rule needs a pointer", root)
	}
	changed := make(map[string]int)
	blame := make(map[string]error) // the first for each field
	err := s.sample(func(m spec.Machine) {
		before, want := text(m), m.AppendState(nil)
		for i, path := range paths(m) {
			if changed[path] >= perPath {
				continue
			}
			changed[path]++
			if covers(s.Shared, path) && covers(s.NotState, path) {
				continue // nothing is promised, and the change would spoil m
			}
			twin := m.Clone()
			change(twin, i)
			if text(m) != before {
				if !covers(s.Shared, path) && blame[path] == nil {
					blame[path] = fmt.Errorf("%s: a Clone shares it", path)
				}
				return // m is spoilt
			}
			if blame[path] == nil && !covers(s.NotState, path) && !notices(twin, want) {
				blame[path] = fmt.Errorf("%s: AppendState does not cover it", path)
			}
		}
	})
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(blame)) {
		errs = append(errs, blame[path])
	}
	declared := typePaths(root.Elem(), "", nil)
	for _, path := range declared {
		if changed[path] == 0 && !covers(s.NotState, path) {
			errs = append(errs, fmt.Errorf("%s: no trace ever filled it; let Input do so", path))
		}
	}
	for _, list := range []map[string]string{s.NotState, s.Shared} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			if !slices.ContainsFunc(declared, func(p string) bool { return within(p, name) }) {
				errs = append(errs, fmt.Errorf("%s: exempt, but there is no such field", name))
			}
		}
	}
	return errors.Join(errs...)
}

// sample shows machines from within the traces. See may spoil them.
func (s *Subject) sample(see func(m spec.Machine)) error {
	for seed := range uint64(s.Seeds) {
		trace, _, err := s.record(seed)
		if err != nil {
			return err
		}
		m := s.New(seed, 0)
		for i, at := range trace {
			m.Step(at.now, at.in, nil)
			if i%max(1, len(trace)/samples) == 0 || i == len(trace)-1 {
				see(m.Clone())
			}
		}
	}
	return nil
}

// notices reports whether AppendState tells m from the state want. A panic
// over the impossible state is a way of telling.
func notices(m spec.Machine, want []byte) (noticed bool) {
	defer func() {
		if recover() != nil {
			noticed = true
		}
	}()
	return !bytes.Equal(m.AppendState(nil), want)
}

func checkReasons(list string, exempt map[string]string) (errs []error) {
	for _, name := range slices.Sorted(maps.Keys(exempt)) {
		if exempt[name] == "" {
			errs = append(errs, fmt.Errorf("%s: %s has no reason", name, list))
		}
	}
	return errs
}

// covers reports whether an exemption names the path or something above it.
func covers(exempt map[string]string, path string) bool {
	for name := range exempt {
		if within(path, name) {
			return true
		}
	}
	return false
}

func within(path, name string) bool {
	rest, ok := strings.CutPrefix(path, name)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// paths names the fields that can be changed in m, in a fixed order.
func paths(m spec.Machine) (names []string) {
	visit(reflect.ValueOf(m).Elem(), "", 0, func(path string, _ func()) { names = append(names, path) })
	return names
}

// change changes field number i of paths.
func change(m spec.Machine, i int) {
	visit(reflect.ValueOf(m).Elem(), "", 0, func(_ string, apply func()) {
		if i == 0 {
			apply()
		}
		i--
	})
}

// visit walks everything that v reaches and offers a change of each part.
func visit(v reflect.Value, path string, depth int, offer func(path string, apply func())) {
	if depth > maxDepth {
		return
	}
	v = open(v)
	if isLeaf(v.Type()) {
		offer(path, func() { alter(v) })
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), path, depth+1, offer)
		}
	case reflect.Interface:
		if !v.IsNil() {
			c := addressable(v.Elem())
			visit(c, path, depth+1, func(p string, apply func()) {
				offer(p, func() { apply(); v.Set(c) })
			})
		}
	case reflect.Struct:
		for i := range v.NumField() {
			visit(v.Field(i), join(path, v.Type().Field(i).Name), depth+1, offer)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			offer(path, func() { v.SetLen(v.Len() - 1) })
		}
		visitElements(v, path, depth, offer)
	case reflect.Array:
		visitElements(v, path, depth, offer)
	case reflect.Map:
		visitMap(v, path, depth, offer)
	}
}

// visitElements looks at every element, but of bytes only at the outer ones.
func visitElements(v reflect.Value, path string, depth int, offer func(string, func())) {
	stride := 1
	if v.Type().Elem().Kind() == reflect.Uint8 {
		stride = max(1, v.Len()-1)
	}
	for i := 0; i < v.Len(); i += stride {
		visit(v.Index(i), path+"[]", depth+1, offer)
	}
}

func visitMap(v reflect.Value, path string, depth int, offer func(string, func())) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		return bytes.Compare(appendText(nil, addressable(a), 0), appendText(nil, addressable(b), 0))
	})
	for _, key := range keys {
		c := addressable(v.MapIndex(key))
		offer(path, func() { v.SetMapIndex(key, reflect.Value{}) })
		visit(c, path+"[]", depth+1, func(p string, apply func()) {
			offer(p, func() { apply(); v.SetMapIndex(key, c) })
		})
	}
}

// isLeaf reports whether a type is changed as a whole.
func isLeaf(t reflect.Type) bool {
	if isOpaque(t) || t == reflect.TypeFor[spec.Rand]() {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		return false
	}
	return true
}

// alter changes a leaf to something else.
func alter(v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *spec.Rand:
		x.Uint64()
	case *netip.Addr:
		*x = otherAddr(*x)
	case *netip.AddrPort:
		*x = netip.AddrPortFrom(otherAddr(x.Addr()), x.Port()+1)
	case *netip.Prefix:
		*x = netip.PrefixFrom(otherAddr(x.Addr()), x.Bits())
	default:
		switch v.Kind() {
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Float32, reflect.Float64:
			v.SetFloat(v.Float() + 1)
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			v.SetUint(v.Uint() ^ 1)
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			v.SetInt(v.Int() ^ 1)
		}
	}
}

func otherAddr(a netip.Addr) netip.Addr {
	if next := a.Next(); next.IsValid() {
		return next
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// typePaths names the fields that a type declares, as visit would. What lies
// behind an interface or within a type itself is known at run time alone.
func typePaths(t reflect.Type, path string, above []reflect.Type) []string {
	if isLeaf(t) {
		return []string{path}
	}
	if slices.Contains(above, t) {
		return nil
	}
	above = append(slices.Clone(above), t)
	switch t.Kind() {
	case reflect.Pointer:
		return typePaths(t.Elem(), path, above)
	case reflect.Array:
		return typePaths(t.Elem(), path+"[]", above)
	case reflect.Slice, reflect.Map:
		return append([]string{path}, typePaths(t.Elem(), path+"[]", above)...)
	case reflect.Struct:
		var names []string
		for i := range t.NumField() {
			names = append(names, typePaths(t.Field(i).Type, join(path, t.Field(i).Name), above)...)
		}
		return names
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
