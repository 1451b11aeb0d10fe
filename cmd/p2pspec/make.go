package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
)

// makeFlags describe a torrent to be made.
type makeFlags struct {
	output              string
	v2, hybrid, private bool
	pieceLength         int64
	trackers            []string
}

func (a *app) makeCommand() *cobra.Command {
	var f makeFlags
	cmd := &cobra.Command{
		Use:   "make PATH",
		Short: "Make a torrent of a file or a folder",
		Long: `Make a torrent of a file, or of all regular files in a folder, and print its
info-hashes. The same content, name and flags give the same bytes.`,
		Example: `  p2pspec make content.iso -o content.torrent --tracker http://127.0.0.1:6969/announce
  p2pspec make folder -o folder.torrent --hybrid`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("make: give one file or folder; see `p2pspec make --help`")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.makeTorrent(args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.output, "output", "o", "", "file to be written; default: the name and .torrent")
	fl.BoolVar(&f.v2, "v2", false, "version 2 alone (BEP 52)")
	fl.BoolVar(&f.hybrid, "hybrid", false, "both versions")
	fl.BoolVar(&f.private, "private", false, "peers from the trackers alone (BEP 27)")
	fl.Int64Var(&f.pieceLength, "piece-length", 0, "in bytes; default: for about 2000 pieces")
	fl.StringArrayVar(&f.trackers, "tracker", nil,
		"tracker's URL; may be repeated, each is a tier of its own")
	return cmd
}

func (a *app) makeTorrent(path string, f makeFlags) error {
	plan := metainfo.Plan{Version: metainfo.V1, Private: f.private, PieceLength: f.pieceLength}
	switch {
	case f.v2 && f.hybrid:
		return usagef("make: a torrent is of version 2 alone or hybrid: give one of --v2 and --hybrid")
	case f.v2:
		plan.Version = metainfo.V2
	case f.hybrid:
		plan.Version = metainfo.Hybrid
	}
	for i, url := range f.trackers {
		if i == 0 {
			plan.Announce = url
		}
		if len(f.trackers) > 1 {
			plan.AnnounceList = append(plan.AnnounceList, []string{url})
		}
	}
	if err := describe(path, &plan); err != nil {
		return err
	}
	b, err := plan.Make(readFiles(path, &plan))
	if err != nil {
		return usagef("make: %v", err)
	}
	t, err := metainfo.Parse(b, metainfo.Options{})
	if err != nil {
		return &fault{err}
	}
	if f.output == "" {
		f.output = plan.Name + ".torrent"
	}
	if err := os.WriteFile(f.output, b, 0o644); err != nil {
		return usagef("make: %v", err)
	}
	return a.printTorrent(f.output, t.Info)
}

// printTorrent says what a torrent is.
func (a *app) printTorrent(name string, in *metainfo.Info) error {
	if err := a.print("%s: %d pieces of %s, %s\n", name, in.Pieces(),
		size(uint64(in.PieceLength)), size(uint64(in.ContentLength()))); err != nil {
		return err
	}
	if in.HasV1 {
		if err := a.print("info-hash    %x\n", in.InfoHash); err != nil {
			return err
		}
	}
	if in.HasV2 {
		return a.print("info-hash v2 %x\n", in.InfoHashV2)
	}
	return nil
}

// describe lists the files of a path.
func describe(path string, plan *metainfo.Plan) error {
	whole, err := filepath.Abs(path)
	if err != nil {
		return usagef("make: %v", err)
	}
	plan.Name = filepath.Base(whole)
	top, err := os.Stat(path)
	if err != nil {
		return usagef("make: %v", err)
	}
	if plan.Folder = top.IsDir(); !plan.Folder {
		plan.Files = []metainfo.File{{Path: []string{plan.Name}, Length: top.Size()}}
		return nil
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(path, name)
		if err != nil {
			return err
		}
		plan.Files = append(plan.Files, metainfo.File{
			Path: strings.Split(filepath.ToSlash(inside), "/"), Length: info.Size(),
		})
		return nil
	})
	if err != nil {
		return usagef("make: %v", err)
	}
	if len(plan.Files) == 0 {
		return usagef("make: there is no file in %s", path)
	}
	metainfo.SortFiles(plan.Files)
	return nil
}

// readFiles reads the files of a plan, one open at a time.
func readFiles(path string, plan *metainfo.Plan) metainfo.Read {
	var open *os.File
	last := -1
	return func(file int, offset int64, b []byte) error {
		if file != last {
			if open != nil {
				_ = open.Close() // it was only read
			}
			name := path
			if plan.Folder {
				name = filepath.Join(slices.Concat([]string{path}, plan.Files[file].Path)...)
			}
			var err error
			if open, err = os.Open(name); err != nil {
				return err
			}
			last = file
		}
		_, err := io.ReadFull(io.NewSectionReader(open, offset, int64(len(b))), b)
		return err
	}
}
