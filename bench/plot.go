//go:build linux

package main

import (
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// The colours of a chart's bars.
var (
	oursColor  = color.RGBA{R: 0x1b, G: 0x6c, B: 0x4f, A: 0xff}
	limitColor = color.RGBA{R: 0xb8, G: 0xb8, B: 0xb8, A: 0xff}
	peerColor  = color.RGBA{R: 0x5b, G: 0x84, B: 0xb1, A: 0xff}
)

// charted says whether there is a chart of a figure: if there is anybody to compare
// with, and no processor time.
func (p part) charted(of []string) bool {
	return len(of) > 1 && p.name != "cpu" && !strings.HasSuffix(p.name, "/cpu")
}

func chartFile(figure string) string { return strings.ReplaceAll(figure, "/", "-") + ".svg" }

// plot writes a chart of every figure that has one.
func (f *figures) plot(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f.each(func(_ *metric, p part, figure string, of []string) {
		if err == nil && p.charted(of) {
			err = f.chart(filepath.Join(dir, chartFile(figure)), p, figure, of)
		}
	})
	return err
}

// chart draws a bar for each subject. From one to the next are powers of ten: the best
// and the worst are often a thousand times apart.
func (f *figures) chart(file string, p part, figure string, of []string) error {
	of = slices.Clone(of)
	slices.Reverse(of) // the first is on top
	base := math.Inf(1)
	for _, s := range of {
		if v, _ := f.median(figure, s); v > 0 {
			base = min(base, math.Floor(math.Log10(v)))
		}
	}
	if math.IsInf(base, 0) {
		base = 0
	}
	base--
	c := plot.New()
	c.Title.Text = figure + " (" + p.unit + ", " + p.better() + ")"
	c.NominalY(of...)
	var labels plotter.XYLabels
	far := 0.0
	bars := map[color.RGBA]plotter.Values{oursColor: make(plotter.Values, len(of)), limitColor: make(plotter.Values, len(of)), peerColor: make(plotter.Values, len(of))}
	for i, s := range of {
		v, _ := f.median(figure, s)
		length := 0.0
		if v > 0 {
			length = math.Log10(v) - base
		}
		far = max(far, length)
		bars[barColor(s)][i] = length
		labels.XYs = append(labels.XYs, plotter.XY{X: length, Y: float64(i)})
		labels.Labels = append(labels.Labels, " "+number(v))
	}
	for _, shade := range []color.RGBA{oursColor, limitColor, peerColor} {
		bar, err := plotter.NewBarChart(bars[shade], vg.Points(12))
		if err != nil {
			return err
		}
		bar.Horizontal, bar.Color, bar.LineStyle.Width = true, shade, 0
		c.Add(bar)
	}
	values, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range values.TextStyle {
		values.TextStyle[i].YAlign = -0.5
	}
	c.Add(values)
	c.X.Min, c.X.Max = 0, far*1.15+0.1
	c.X.Tick.Marker = powers(base)
	return c.Save(vg.Points(560), vg.Points(60+22*float64(len(of))), file)
}

func barColor(name string) color.RGBA {
	switch s := subjectOf(name); {
	case name == "atoll":
		return oursColor
	case s != nil && s.limit:
		return limitColor
	}
	return peerColor
}

// powers are the ticks of an axis that begins at a power of ten.
type powers float64

// Ticks returns a tick for each power between.
func (p powers) Ticks(low, high float64) (ticks []plot.Tick) {
	for x := math.Ceil(low); x <= high; x++ {
		value := math.Pow(10, float64(p)+x)
		text := number(value)
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		ticks = append(ticks, plot.Tick{Value: x, Label: text})
	}
	return ticks
}
