// Judges what a log publishes, with Go's own implementation of its formats: golang.org/x/mod/sumdb/{note,tlog}.
//
// Reads one JSON question a line from stdin and answers each with one line, {"ok": true, "size": …} or {"ok": false,
// "why": …}. Questions:
//
//	{"ask": "checkpoint",  "keys": […], "note": …}                        is the note signed by all the keys?
//	{"ask": "inclusion",   "keys": […], "proof": …, "leaf": …}            does the tlog-proof show that the leaf is in?
//	{"ask": "consistency", "keys": […], "old": …, "new": …, "path": […]}  does the newer checkpoint continue the older?
//	{"ask": "folder",      "keys": […], "folder": …}                      is all that lies in the folder of one tree?
//
// Bytes are in base64 (Go's []byte in JSON). The libraries take base64 with stray trailing bits; C2SP's formats do not.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Ask    string
	Keys   []string
	Note   []byte
	Proof  []byte
	Leaf   []byte
	Old    []byte
	New    []byte
	Path   [][]byte
	Folder string
}

type answer struct {
	OK   bool   `json:"ok"`
	Size int64  `json:"size,omitempty"`
	Why  string `json:"why,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var q question
		if err := json.Unmarshal(line, &q); err != nil {
			fmt.Fprintln(os.Stderr, "not a question:", err)
			os.Exit(2)
		}
		size, err := judge(&q)
		a := answer{OK: err == nil, Size: size}
		if err != nil {
			a.Why = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return
		}
	}
}

func judge(q *question) (int64, error) {
	switch q.Ask {
	case "checkpoint":
		head, err := openCheckpoint(q.Note, q.Keys)
		return head.N, err
	case "inclusion":
		return judgeInclusion(q)
	case "consistency":
		return judgeConsistency(q)
	case "folder":
		return judgeFolder(q.Folder, q.Keys)
	}
	fmt.Fprintln(os.Stderr, "unknown question:", q.Ask)
	os.Exit(2)
	return 0, nil
}

func decode(text string) ([]byte, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err == nil && base64.StdEncoding.EncodeToString(data) != text {
		err = errors.New("base64 of another spelling")
	}
	return data, err
}

func decodeHash(text string) (tlog.Hash, error) {
	var h tlog.Hash
	data, err := decode(text)
	if err == nil && len(data) != tlog.HashSize {
		err = fmt.Errorf("a hash of %d bytes", len(data))
	}
	copy(h[:], data)
	return h, err
}

func decodeNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (n < 0 || strconv.FormatInt(n, 10) != text) {
		err = fmt.Errorf("a number of another spelling: %q", text)
	}
	return n, err
}

// openCheckpoint answers the head in a note that every one of the keys signed.
func openCheckpoint(data []byte, keys []string) (tlog.Tree, error) {
	var head tlog.Tree
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return head, fmt.Errorf("key %q: %w", key, err)
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	if err != nil {
		return head, err
	}
	if len(opened.Sigs) != len(keys) {
		return head, fmt.Errorf("%d of %d keys signed", len(opened.Sigs), len(keys))
	}
	for _, one := range append(opened.Sigs, opened.UnverifiedSigs...) {
		if _, err := decode(one.Base64); err != nil {
			return head, fmt.Errorf("signature by %s: %w", one.Name, err)
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return head, errors.New("not a checkpoint of three lines")
	}
	if lines[0] != verifiers[0].Name() {
		return head, fmt.Errorf("origin %q is not the key's name", lines[0])
	}
	if head.N, err = decodeNumber(lines[1]); err != nil {
		return head, err
	}
	head.Hash, err = decodeHash(lines[2])
	return head, err
}

func judgeInclusion(q *question) (int64, error) {
	head, checkpoint, found := strings.Cut(string(q.Proof), "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, errors.New("not a tlog-proof")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		if _, err := decode(strings.TrimPrefix(lines[0], "extra ")); err != nil {
			return 0, err
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return 0, errors.New("a tlog-proof without index")
	}
	index, err := decodeNumber(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return 0, err
	}
	var path tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := decodeHash(line)
		if err != nil {
			return 0, err
		}
		path = append(path, hash)
	}
	tree, err := openCheckpoint([]byte(checkpoint), q.Keys)
	if err != nil {
		return 0, err
	}
	return tree.N, tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(q.Leaf))
}

func judgeConsistency(q *question) (int64, error) {
	older, err := openCheckpoint(q.Old, q.Keys)
	if err != nil {
		return 0, err
	}
	newer, err := openCheckpoint(q.New, q.Keys)
	if err != nil {
		return 0, err
	}
	var path tlog.TreeProof
	for _, data := range q.Path {
		hash, err := decodeHash(base64.StdEncoding.EncodeToString(data))
		if err != nil {
			return 0, err
		}
		path = append(path, hash)
	}
	return newer.N, tlog.CheckTree(path, newer.N, newer.Hash, older.N, older.Hash)
}
