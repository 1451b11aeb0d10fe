package check

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/p2pspec/p2pspec/spec"
)

// text prints a value whole, through pointers and unexported fields, without
// anything that differs between processes or architectures.
func text(v any) string {
	if v == nil {
		return "nil"
	}
	return string(appendText(nil, addressable(reflect.ValueOf(v)), 0))
}

// maxDepth bounds the recursion, for values that contain themselves.
const maxDepth = 64

func appendText(b []byte, v reflect.Value, depth int) []byte {
	if depth > maxDepth {
		return append(b, "..."...)
	}
	v = open(v)
	if leaf, ok := v.Interface().(fmt.Stringer); ok && isOpaque(v.Type()) {
		return append(b, leaf.String()...)
	}
	if err, ok := v.Interface().(error); ok && !isNil(v) {
		return strconv.AppendQuote(b, err.Error())
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case reflect.String:
		return strconv.AppendQuote(b, v.String())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "nil"...)
		}
		if v.Kind() == reflect.Pointer {
			b = append(b, '&')
		}
		return appendText(b, addressable(v.Elem()), depth+1)
	case reflect.Slice, reflect.Array:
		return appendList(b, v, depth)
	case reflect.Map:
		return appendMap(b, v, depth)
	case reflect.Struct:
		b = append(append(b, v.Type().Name()...), '{')
		for i := range v.NumField() {
			b = append(append(b, ' '), v.Type().Field(i).Name...)
			b = appendText(append(b, ':'), v.Field(i), depth+1)
		}
		return append(b, '}')
	default:
		return append(b, v.Type().String()...) // a func or channel: no value to print
	}
}

func appendList(b []byte, v reflect.Value, depth int) []byte {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		for i := range v.Len() {
			b = fmt.Appendf(b, "%02x", v.Index(i).Uint())
		}
		return append(b, 'h')
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendText(b, v.Index(i), depth+1)
	}
	return append(b, ']')
}

func appendMap(b []byte, v reflect.Value, depth int) []byte {
	entries := make([]string, 0, v.Len())
	for _, key := range v.MapKeys() {
		e := append(appendText(nil, addressable(key), depth+1), ':')
		entries = append(entries, string(appendText(e, addressable(v.MapIndex(key)), depth+1)))
	}
	slices.Sort(entries)
	return append(append(append(b, "map["...), strings.Join(entries, " ")...), ']')
}

// isOpaque reports whether a type is a value to be taken whole: its fields say
// less than its methods.
func isOpaque(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Prefix]():
		return true
	}
	return false
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// addressable returns v, or a shallow copy of it that can be looked into.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// open lifts the write protection of an unexported field.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// deepCopy copies an input with everything that it refers to.
func deepCopy[T any](of T) T {
	v := addressable(reflect.ValueOf(of))
	detach(v)
	return v.Interface().(T)
}

// detach replaces everything that v refers to by copies.
func detach(v reflect.Value) {
	v = open(v)
	if isOpaque(v.Type()) || isNil(v) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		detach(c.Elem())
		v.Set(c)
	case reflect.Interface:
		c := addressable(v.Elem())
		detach(c)
		v.Set(c)
	case reflect.Slice:
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		v.Set(c)
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			detach(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			detach(v.Field(i))
		}
	case reflect.Map:
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, key := range v.MapKeys() {
			value := addressable(v.MapIndex(key))
			detach(value)
			c.SetMapIndex(key, value)
		}
		v.Set(c)
	}
}

// overwrite spoils the memory that an input lends to the machine: what its
// slices, maps and pointers refer to. An error is a value, whatever it is made
// of, and stays.
func overwrite(in spec.Input) { spoil(addressable(reflect.ValueOf(in))) }

func spoil(v reflect.Value) {
	v = open(v)
	if isOpaque(v.Type()) || isNil(v) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		spoil(v.Elem())
		v.Elem().SetZero()
	case reflect.Interface:
		if _, ok := v.Interface().(error); !ok && v.Elem().Kind() != reflect.Func {
			e := v.Elem()
			spoil(addressable(e))
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
			if e := v.Index(i); e.Kind() == reflect.Uint8 {
				e.SetUint(0xa5)
			} else {
				e.SetZero()
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			spoil(v.Field(i))
		}
	case reflect.Map:
		v.Clear()
	}
}
