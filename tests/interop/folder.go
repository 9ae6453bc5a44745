// The question "folder": all that a log publishes, held against the tree that its entries make.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// memory is the whole tree, computed from the entries alone.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(m)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found = append(found, m[index])
	}
	return found, nil
}

// tileFiles reads tiles from the folder, as whoever mirrors it would over HTTP.
type tileFiles string

func (folder tileFiles) Height() int { return height }

func (folder tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (folder tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(folder), pathOf(tile)))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// pathOf is tile.Path() as tlog-tiles has it: without the height, and with "entries" for "data".
func pathOf(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	if strings.HasPrefix(path, "data/") {
		path = "entries/" + strings.TrimPrefix(path, "data/")
	}
	return "tile/" + path
}

// judgeFolder recomputes the tree from the entries and holds every file that can be there against it.
func judgeFolder(folder string, keys []string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return 0, err
	}
	head, err := openCheckpoint(data, keys[len(keys)-1:])
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	tree, err := readEntries(folder, head.N)
	if err != nil {
		return 0, err
	}
	if err := leadsTo(head, tree); err != nil {
		return 0, fmt.Errorf("entries: %w", err)
	}
	if err := checkTiles(folder, head.N, tree); err != nil {
		return 0, err
	}
	// the root once more from the tiles alone: the hashes that it needs are authenticated on the way
	if err := leadsTo(head, tlog.TileHashReader(head, tileFiles(folder))); err != nil {
		return 0, fmt.Errorf("tiles: %w", err)
	}
	return head.N, checkFiles(folder, keys, head.N, tree)
}

// tilesOf lists the tiles of a tree: of a partial one the widest alone, where the library lists narrower ones before it.
func tilesOf(size int64) []tlog.Tile {
	var widest []tlog.Tile
	for _, tile := range tlog.NewTiles(height, 0, size) {
		if last := len(widest) - 1; last >= 0 && widest[last].L == tile.L && widest[last].N == tile.N {
			widest = widest[:last]
		}
		widest = append(widest, tile)
	}
	return widest
}

func leadsTo(head tlog.Tree, hashes tlog.HashReader) error {
	root, err := tlog.TreeHash(head.N, hashes)
	if err == nil && root != head.Hash {
		err = fmt.Errorf("they lead to root %v, not to %v", root, head.Hash)
	}
	return err
}

func readEntries(folder string, size int64) (memory, error) {
	var tree memory
	for _, tile := range tilesOf(size) {
		if tile.L != 0 {
			continue
		}
		tile.L = -1
		data, err := os.ReadFile(filepath.Join(folder, pathOf(tile)))
		if err != nil {
			return nil, err
		}
		first := tile.N << height
		for n := first; n < first+int64(tile.W); n++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s ends inside entry %d", pathOf(tile), n)
			}
			entry := data[2 : 2+int(binary.BigEndian.Uint16(data))]
			data = data[2+len(entry):]
			hashes, err := tlog.StoredHashes(n, entry, tree)
			if err != nil {
				return nil, err
			}
			tree = append(tree, hashes...)
			if err := checkBody(folder, entry); err != nil {
				return nil, fmt.Errorf("entry %d: %w", n, err)
			}
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("%s goes on after its last entry", pathOf(tile))
		}
	}
	return tree, nil
}

// checkBody looks for the body of an entry that only holds its body's hash.
func checkBody(folder string, entry []byte) error {
	var told struct {
		Body *struct {
			Bytes  int
			SHA256 string
		}
	}
	if json.Unmarshal(entry, &told) != nil || told.Body == nil {
		return nil
	}
	body, err := os.ReadFile(filepath.Join(folder, "bodies", told.Body.SHA256+".json"))
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(body)); sum != told.Body.SHA256 || len(body) != told.Body.Bytes {
		return fmt.Errorf("its body is %d bytes with SHA-256 %s", len(body), sum)
	}
	return nil
}

func checkTiles(folder string, size int64, tree memory) error {
	for _, tile := range tilesOf(size) {
		wanted, err := tlog.ReadTileData(tile, tree)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(folder, pathOf(tile)))
		if err != nil {
			return err
		}
		if !bytes.Equal(data, wanted) {
			return fmt.Errorf("%s does not hold the hashes of its entries", pathOf(tile))
		}
	}
	return nil
}

var ofTile = regexp.MustCompile(`^tile/(entries|\d+)/(.*)$`)

// checkFiles holds earlier heads, smaller partial tiles and the list of keys against the tree. What is anchored, and the
// bodies that checkBody looked at, are for others.
func checkFiles(folder string, keys []string, size int64, tree memory) error {
	listed, err := os.ReadFile(filepath.Join(folder, "vkeys"))
	if err != nil {
		return err
	}
	if string(listed) != strings.Join(keys, "\n")+"\n" {
		return errors.New("vkeys lists other keys")
	}
	heads := 0
	err = filepath.WalkDir(folder, func(full string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err := filepath.Rel(folder, full)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(path, "checkpoints/"):
			heads++
			err = checkHead(folder, path, data, keys, tree)
		case ofTile.MatchString(path):
			err = checkPart(path, data, size, tree)
		case path == "checkpoint" || path == "vkeys" || strings.HasPrefix(path, "bodies/"):
		case strings.HasPrefix(path, "anchors/"):
		default:
			err = errors.New("a file that no log has")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err == nil && heads == 0 {
		err = errors.New("no head under checkpoints/")
	}
	return err
}

// checkHead wants one of the keys under a head, the head to be of this tree, and its tiles to be there.
func checkHead(folder, path string, data []byte, keys []string, tree memory) error {
	var head tlog.Tree
	var err error
	for _, key := range keys {
		if head, err = openCheckpoint(data, []string{key}); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if path != "checkpoints/"+strings.TrimPrefix(tlog.Tile{H: height, L: 0, N: head.N, W: 1 << height}.Path(), "tile/8/0/") {
		return fmt.Errorf("it is of %d leaves", head.N)
	}
	for _, tile := range tilesOf(head.N) {
		if !isThere(folder, tile) {
			return fmt.Errorf("its %s is not there", pathOf(tile))
		}
		if entries := tile; tile.L == 0 {
			if entries.L = -1; !isThere(folder, entries) {
				return fmt.Errorf("its %s is not there", pathOf(entries))
			}
		}
	}
	return leadsTo(head, tree)
}

// isThere takes the full tile for a partial one.
func isThere(folder string, tile tlog.Tile) bool {
	full := tile
	full.W = 1 << height
	for _, one := range []tlog.Tile{tile, full} {
		if _, err := os.Stat(filepath.Join(folder, pathOf(one))); err == nil {
			return true
		}
	}
	return false
}

// checkPart takes any file below tile/ for a tile or bundle that some earlier head had.
func checkPart(path string, data []byte, size int64, tree memory) error {
	found := ofTile.FindStringSubmatch(path)
	level, entries := found[1], found[1] == "entries"
	if entries {
		level = "0"
	}
	tile, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s/%s", height, level, found[2]))
	if err != nil {
		return err
	}
	if (tile.N<<height+int64(tile.W))<<(height*tile.L) > size {
		return errors.New("it goes beyond the head")
	}
	wanted, err := tlog.ReadTileData(tile, tree)
	if err != nil {
		return err
	}
	var got []byte
	if entries {
		for len(data) >= 2 && len(data)-2 >= int(binary.BigEndian.Uint16(data)) {
			hash := tlog.RecordHash(data[2 : 2+int(binary.BigEndian.Uint16(data))])
			got = append(got, hash[:]...)
			data = data[2+int(binary.BigEndian.Uint16(data)):]
		}
		if len(data) != 0 {
			return errors.New("it ends inside an entry")
		}
	} else {
		got = data
	}
	if !bytes.Equal(got, wanted) {
		return errors.New("it is of another tree")
	}
	return nil
}
