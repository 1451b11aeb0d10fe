package metainfo_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/p2pspec/p2pspec/bittorrent/metainfo"
	"github.com/p2pspec/p2pspec/spec/vectors"
)

// BEP03-META-014 BEP03-META-016 BEP03-META-007
func TestInfoHashVectors(t *testing.T) {
	f, err := vectors.Load("metainfo")
	require.NoError(t, err)
	for _, v := range f.Select("info-hash") {
		raw, content := v.Input.Bytes("info"), v.Input.Bytes("content")
		in, err := metainfo.ParseInfo(raw, metainfo.Options{Lenient: true})
		require.NoError(t, err, v.Name)
		require.Equal(t, v.Expect.Bytes("info_hash"), in.InfoHash[:], v.Name)
		require.EqualValues(t, len(content), in.TotalLength(), v.Name)
		require.Len(t, v.Expect.List("pieces"), in.Pieces(), v.Name)
		for i, want := range v.Expect.List("pieces") {
			hash, ok := in.PieceHash(i)
			require.True(t, ok, v.Name)
			require.Equal(t, want, hash[:], v.Name)
			at := int64(i) * in.PieceLength
			require.True(t, in.VerifyPiece(i, content[at:at+in.PieceSize(i)]), v.Name)
		}
	}
}
