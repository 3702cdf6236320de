//go:build linux

package guardian

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// The words of a job, 8 bytes each from the beginning of the job's own region of
// its file. The first are what the watch keeps to, the others are what it found.
const (
	WordProcesses = iota // the most processes; 0: any number
	WordMemory           // the most bytes of memory that all of them together have; 0: any
	WordTime             // the CPU time of the job, in nanoseconds, at which it is over; 0: never
	WordTell             // 1: that is told, and nobody is killed
	WordSurplus          // how many processes were killed for the first
	WordHungry           // how many for the second
	WordEnded            // 1: the time is over, and the processes were killed
	WordTold             // 1: the time is over, and that was told
	// What the processes below trees that have ended used up, in nanoseconds, and how
	// many pages they touched first.
	WordUser
	WordSystem
	WordFaults
	WordSpare // 1: the job's processes do not end with its last handle, as they once were to
	Words     // how many there are
)

// ReadWords reads the words of the job whose region begins at an offset.
func ReadWords(fd int, at int64) (w [Words]uint64, err error) {
	b := make([]byte, 8*Words)
	n, err := unix.Pread(fd, b, at)
	if err == nil && n < len(b) {
		err = unix.EIO
	}
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return w, err
}

// WriteWord writes one of them.
func WriteWord(fd int, at int64, word int, v uint64) error {
	b := binary.LittleEndian.AppendUint64(nil, v)
	_, err := unix.Pwrite(fd, b, at+8*int64(word))
	return err
}
