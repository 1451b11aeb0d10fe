package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// Inbox is a folder for what is downloaded.
type Inbox struct {
	root *os.Root
	last atomic.Uint64 // number of a Part
}

// OpenInbox opens a folder that exists.
func OpenInbox(dir string) (*Inbox, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Inbox{root: root}, nil
}

// Close gives the folder back.
func (in *Inbox) Close() error { return in.root.Close() }

// Part is a file that is not good yet. It is hidden, so that nobody shares it, and
// ends by Keep or Discard.
type Part struct {
	*os.File
	inbox *Inbox
	name  string
}

// Create begins a file.
func (in *Inbox) Create() (*Part, error) {
	name := fmt.Sprintf(".%d-%d.part", os.Getpid(), in.last.Add(1))
	file, err := in.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	return &Part{file, in, name}, nil
}

// Keep gives the file the name that it has now earned, made safe, and with a number
// if there is such a file. It returns that name. If it fails nothing is left. Who wants
// the content to survive a crash calls Sync before.
func (p *Part) Keep(name string) (string, error) {
	err := p.Close()
	if err == nil {
		name, err = p.inbox.reserve(SafeName(name))
	}
	if err == nil {
		if err = p.inbox.root.Rename(p.name, name); err != nil {
			err = errors.Join(err, p.inbox.root.Remove(name)) // it was reserved
		}
	}
	if err != nil {
		return "", errors.Join(err, p.inbox.root.Remove(p.name))
	}
	return name, nil
}

// Discard removes the file.
func (p *Part) Discard() error { return errors.Join(p.Close(), p.inbox.root.Remove(p.name)) }

// maxCopies is how many files with one name there can be.
const maxCopies = 1000

// reserve takes a name that nothing has yet.
func (in *Inbox) reserve(name string) (string, error) {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for i := range maxCopies {
		try := name
		if i > 0 {
			try = fmt.Sprintf("%s (%d)%s", stem, i+1, ext)
		}
		file, err := in.root.OpenFile(try, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err == nil {
			if err = file.Close(); err != nil {
				return "", errors.Join(err, in.root.Remove(try))
			}
			return try, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%q: %w", name, fs.ErrExist)
}

// longestSaved leaves room in a name for the number of a copy.
const longestSaved = MaxName - len(" (1000)")

// SafeName makes a file's name of what a stranger calls one: no path, nothing hidden,
// and nothing that a terminal or another file system would take for something else.
func SafeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`<>:"|?*`, r) {
			return '_' // Cf: it turns the direction of what follows, or is not seen
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimRight(strings.TrimLeft(name, ". "), ". ") // other systems drop them
	if isDevice(name) {
		name = "_" + name
	}
	if ext := path.Ext(name); len(name) > longestSaved {
		if len(ext) > longestSaved/2 {
			ext = ""
		}
		name = strings.TrimRight(strings.ToValidUTF8(name[:longestSaved-len(ext)], ""), ". ") + ext
	}
	if name == "" {
		name = "unnamed"
	}
	return name
}

// isDevice says whether Windows would open a device instead of a file, whatever
// follows the first dot.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem = strings.TrimRight(stem, " "); stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, port := range []string{"COM", "LPT"} {
		if number, ok := strings.CutPrefix(stem, port); ok {
			return utf8.RuneCountInString(number) == 1 && strings.Contains("123456789¹²³", number)
		}
	}
	return false
}
