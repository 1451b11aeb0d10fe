package experiment

import (
	"fmt"
	"image/color"
	"io"
	"strings"

	"github.com/guptarohit/asciigraph"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Result is what an experiment found.
type Result struct {
	Title  string
	Setup  []string // what was simulated, a line each
	Tables []Table
	Figure Figure
	Notes  []string // what the figures mean, a line each
}

// Table is a titled grid of text.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
}

// Figure is a plot of a few lines over one axis.
type Figure struct {
	Title, X, Y string
	Lines       []Line
	LegendRight bool // the curves leave room at the lower right, not at the left
}

// Line is a named sequence of points with rising X.
type Line struct {
	Name string
	X, Y []float64
}

// WriteText writes the result for a terminal, without colour.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Title)
	for _, s := range r.Setup {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%s\n%s\n", t.Title, t.text())
	}
	fmt.Fprintf(&b, "\n%s\n", r.Figure.text())
	for _, s := range r.Notes {
		fmt.Fprintf(&b, "\n%s", s)
	}
	if len(r.Notes) > 0 {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) text() string {
	out := table.NewWriter()
	style := table.StyleLight
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	style.Format.Header = 0 // as written
	out.SetStyle(style)
	columns := make([]table.ColumnConfig, len(t.Header))
	for i := range t.Header {
		columns[i] = table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	out.SetColumnConfigs(columns)
	out.AppendHeader(row(t.Header))
	for _, cells := range t.Rows {
		out.AppendRow(row(cells))
	}
	return out.Render()
}

func row(cells []string) table.Row {
	r := make(table.Row, len(cells))
	for i, c := range cells {
		r[i] = c
	}
	return r
}

// plotWidth is the number of columns that the curve of a terminal plot takes.
const plotWidth = 64

func (f *Figure) text() string {
	if len(f.Lines) == 0 {
		return ""
	}
	first := f.Lines[0].X
	lo, hi := first[0], first[len(first)-1]
	series := make([][]float64, len(f.Lines))
	for i, l := range f.Lines {
		for c := range plotWidth {
			series[i] = append(series[i], l.at(lo+(hi-lo)*float64(c)/(plotWidth-1)))
		}
	}
	caption := f.Title + "; x: " + f.X
	sets := make([]asciigraph.CharSet, len(f.Lines)) // a letter each: there is no colour
	if len(f.Lines) > 1 {
		for i, l := range f.Lines {
			mark := string(rune('a' + i))
			sets[i] = asciigraph.CreateCharSet(mark)
			caption += fmt.Sprintf("; %s: %s", mark, l.Name)
		}
	} else {
		sets[0] = asciigraph.DefaultCharSet
	}
	return asciigraph.PlotMany(series, asciigraph.Height(12), asciigraph.Precision(1),
		asciigraph.LowerBound(0), asciigraph.XAxisRange(lo, hi), asciigraph.Caption(caption),
		asciigraph.SeriesChars(sets...))
}

// at interpolates between the neighbouring points.
func (l *Line) at(x float64) float64 {
	for i := 1; i < len(l.X); i++ {
		if x <= l.X[i] {
			part := (x - l.X[i-1]) / (l.X[i] - l.X[i-1])
			return l.Y[i-1] + part*(l.Y[i]-l.Y[i-1])
		}
	}
	return l.Y[len(l.Y)-1]
}

// WriteSVG writes the figure.
func (r *Result) WriteSVG(w io.Writer) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = r.Title, r.Figure.X, r.Figure.Y
	p.Title.Padding = vg.Points(6)
	p.Y.Min = 0
	p.Add(plotter.NewGrid())
	p.Legend.Left = !r.Figure.LegendRight // below the curves: they start high or climb
	for i, l := range r.Figure.Lines {
		points := make(plotter.XYs, len(l.X))
		for j := range l.X {
			points[j].X, points[j].Y = l.X[j], l.Y[j]
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("experiment: figure: %w", err)
		}
		line.Color, dots.Color = shade(i), shade(i)
		line.Width = vg.Points(1.5)
		p.Add(line, dots)
		if len(r.Figure.Lines) > 1 {
			p.Legend.Add(l.Name, line, dots)
		}
	}
	p.X.Max += (p.X.Max - p.X.Min) / 25 // room for the last label
	out, err := p.WriterTo(6*vg.Inch, 4*vg.Inch, "svg")
	if err != nil {
		return fmt.Errorf("experiment: figure: %w", err)
	}
	_, err = out.WriteTo(w)
	return err
}

// shade is colour i of a palette that colour-blind readers can tell apart
// (Okabe and Ito).
func shade(i int) color.Color {
	palette := [...]color.RGBA{
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255},
		{204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255},
	}
	return palette[i%len(palette)]
}
