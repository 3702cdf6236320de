package main

import (
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// table aligns the columns of lines whose cells are separated by tabs. Unlike
// text/tabwriter it knows how wide characters are in a terminal.
type table struct {
	out  io.Writer
	text strings.Builder
}

func newTable(w io.Writer) *table { return &table{out: w} }

// Write takes lines, or parts of lines.
func (t *table) Write(b []byte) (int, error) { return t.text.Write(b) }

// Flush writes the lines.
func (t *table) Flush() error {
	var rows [][]string
	var widths []int
	for line := range strings.Lines(t.text.String()) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		rows = append(rows, row)
		for n, cell := range row[:len(row)-1] { // nothing stands behind the last
			if n == len(widths) {
				widths = append(widths, 0)
			}
			widths[n] = max(widths[n], ansi.StringWidth(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		last := len(row) - 1
		for n, cell := range row[:last] {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[n]-ansi.StringWidth(cell)+2))
		}
		b.WriteString(row[last])
		b.WriteByte('\n')
	}
	t.text.Reset()
	_, err := io.WriteString(t.out, b.String())
	return err
}
