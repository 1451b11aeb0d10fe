package clients

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// modulePath marks the go.mod of a clone.
const modulePath = "module github.com/p2pspec/p2pspec\n"

// folder finds the adapters: where the environment says, else in the clone
// that the working folder lies in, else written out from this binary.
func folder() (string, error) {
	if given := os.Getenv(FolderVariable); given != "" {
		return filepath.Abs(given)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte(modulePath)) {
			return filepath.Join(dir, "conformance", "clients"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return writeOut()
		}
		dir = parent
	}
}

// writeOut puts the adapters that are a file of their own into the user's
// cache. Those that need other packages are in a clone only.
func writeOut() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the adapters: %w; set %s", err, FolderVariable)
	}
	root := filepath.Join(cache, "p2pspec", "clients")
	err = fs.WalkDir(embedded, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Dir(path) == "." {
			return err
		}
		text, err := embedded.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
	return root, err
}
