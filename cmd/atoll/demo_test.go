package main

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// The demo is worth something only if its check notices a wrong byte.
func TestPatternNoticesEveryKindOfWrongBlock(t *testing.T) {
	const words = 512
	block := make([]uint64, words)
	fillPattern(block, 7, toReader)
	if at := checkPattern(block, 7, toReader); at != -1 {
		t.Fatalf("a right block is wrong at %d", at)
	}
	for bit := range 64 {
		block[bit*8] ^= 1 << bit
		if at := checkPattern(block, 7, toReader); at != bit*8 {
			t.Errorf("bit %d flipped in word %d: found at %d", bit, bit*8, at)
		}
		block[bit*8] ^= 1 << bit
	}
	for _, c := range []struct {
		what             string
		round, direction int
	}{{"of the round before", 6, toReader}, {"of the next round", 8, toReader}, {"of the other direction", 7, toMaker}} {
		if at := checkPattern(block, c.round, c.direction); at != 0 {
			t.Errorf("a block %s: found at %d, want 0", c.what, at)
		}
	}
	shifted := append(block[1:words:words], block[0])
	if checkPattern(shifted, 7, toReader) < 0 {
		t.Error("a shifted block is not noticed")
	}
	var lay bytes.Buffer
	if err := binary.Write(&lay, binary.NativeEndian, block); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(lay.Bytes(), patternBytes(words*8, 7, toReader)) {
		t.Error("patternBytes differs from fillPattern")
	}
}
