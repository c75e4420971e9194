package main

import (
	"bytes"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a plot to be drawn, as file.svg and file.png.
type chart struct {
	file, title string
	x, y        axis
	names       []string // what stands beside 1, 2, 3, … of a y axis without numbers, from the top; the points are not joined by lines
	series      []series
}

// axis begins at zero, unless it is logarithmic.
type axis struct {
	label       string
	logarithmic bool
	ticks       []int // nil: round numbers
}

// series is one contender's points, in the order of x.
type series struct {
	label  string
	style  style
	points plotter.XYs
}

// add leaves out what was not measured.
func (s *series) add(x, y float64) {
	if !math.IsNaN(y) && y > 0 {
		s.points = append(s.points, plotter.XY{X: x, Y: y})
	}
}

// style is what tells a series apart: by its colour, and without it by its mark and its dashes.
type style struct {
	color  color.Color
	mark   draw.GlyphDrawer
	dashes []vg.Length
}

// styles have the colours of Okabe and Ito, "Color Universal Design" (2008), which the colour-blind can tell apart.
var styles = []style{
	{color.RGBA{0xD5, 0x5E, 0x00, 0xFF}, draw.CircleGlyph{}, nil},
	{color.RGBA{0x00, 0x72, 0xB2, 0xFF}, draw.BoxGlyph{}, nil},
	{color.RGBA{0x00, 0x00, 0x00, 0xFF}, draw.TriangleGlyph{}, dashes(6, 3)},
	{color.RGBA{0xE6, 0x9F, 0x00, 0xFF}, draw.PyramidGlyph{}, dashes(6, 3)},
	{color.RGBA{0x00, 0x9E, 0x73, 0xFF}, draw.RingGlyph{}, dashes(2, 2)},
	{color.RGBA{0xCC, 0x79, 0xA7, 0xFF}, draw.SquareGlyph{}, dashes(2, 2)},
	{color.RGBA{0x56, 0xB4, 0xE9, 0xFF}, draw.CrossGlyph{}, dashes(2, 2)},
}

func dashes(lengths ...vg.Length) []vg.Length { return lengths }

// styleOf gives a contender the same looks in all plots; the first is group commit's.
func styleOf(c contender) style {
	for i, other := range []contender{strict, nextval, upsert, nowait, maximum, serializable} {
		if c.key == other.key {
			return styles[i+1]
		}
	}
	return styles[0]
}

// save draws the chart into both files.
func (c chart) save(folder string, width, height vg.Length) error {
	png := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(150))}
	svg := vgsvg.New(width, height)
	for _, file := range []struct {
		extension string
		canvas    interface {
			vg.CanvasSizer
			io.WriterTo
		}
	}{{".png", png}, {".svg", svg}} {
		if err := c.draw(draw.New(file.canvas)); err != nil {
			return err
		}
		var content bytes.Buffer
		if _, err := file.canvas.WriteTo(&content); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, c.file+file.extension), content.Bytes(), 0o644); err != nil { //nolint:gosec // for everyone to read
			return err
		}
	}
	return nil
}

const font = "Sans"

// draw draws the plot, and the legend at the right of it, where it hides nothing.
func (c chart) draw(canvas draw.Canvas) error {
	canvas.FillPolygon(color.White, []vg.Point{canvas.Min, {X: canvas.Max.X, Y: canvas.Min.Y}, canvas.Max, {X: canvas.Min.X, Y: canvas.Max.Y}})
	p := plot.New()
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.ThumbnailWidth, legend.Padding = true, true, 30, 6
	p.X.Label.Text, p.Y.Label.Text = c.x.label, c.y.label
	p.X.Label.Padding, p.Y.Label.Padding = 6, 6
	p.X.Padding, p.Y.Padding = 0, 0
	legend.TextStyle.Font.Variant, legend.TextStyle.Font.Size = font, 11
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Variant, a.Tick.Label.Font.Variant = font, font
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size = 12, 11
	}
	grid := plotter.NewGrid()
	for _, line := range []*draw.LineStyle{&grid.Horizontal, &grid.Vertical} {
		line.Color = color.Gray{0xDD}
	}
	p.Add(grid)

	for i, s := range c.series {
		if len(s.points) == 0 {
			continue
		}
		if s.style.mark == nil {
			s.style = styles[i]
		}
		points := make(plotter.XYs, len(s.points))
		for i, p := range s.points {
			points[i] = plotter.XY{X: c.x.position(p.X), Y: c.y.position(p.Y)}
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.LineStyle = draw.LineStyle{Color: s.style.color, Width: 1.8, Dashes: s.style.dashes}
		marks.GlyphStyle = draw.GlyphStyle{Color: s.style.color, Radius: 3.5, Shape: s.style.mark}
		if c.names != nil {
			p.Add(marks)
			legend.Add(s.label, marks)
			continue
		}
		p.Add(line, marks)
		legend.Add(s.label, line, marks)
	}
	c.x.apply(&p.X, c.points(func(p plotter.XY) float64 { return p.X }))
	c.y.apply(&p.Y, c.points(func(p plotter.XY) float64 { return p.Y }))
	if c.names != nil {
		p.Y.Scale = plot.InvertedScale{Normalizer: plot.LinearScale{}}
		p.Y.Min, p.Y.Max = 0.5, float64(len(c.names))+0.5
		var ticks plot.ConstantTicks
		for i, name := range c.names {
			ticks = append(ticks, plot.Tick{Value: float64(i + 1), Label: name})
		}
		p.Y.Tick.Marker = ticks
	}

	const margin, top = 12, 34
	title := legend.TextStyle
	title.Font.Size, title.YAlign = 14, draw.YTop
	canvas.FillText(title, vg.Point{X: canvas.Min.X + margin, Y: canvas.Max.Y - margin}, c.title)
	var labels vg.Length
	for _, s := range c.series {
		labels = max(labels, legend.TextStyle.Width(s.label))
	}
	side := labels + legend.ThumbnailWidth + 3*margin
	p.Draw(draw.Crop(canvas, margin, -side, margin, -margin-top))
	legend.Draw(draw.Crop(canvas, canvas.Max.X-canvas.Min.X-side+margin, -margin, margin, -margin-top))
	return nil
}

func (c chart) points(of func(plotter.XY) float64) []float64 {
	var all []float64
	for _, s := range c.series {
		for _, p := range s.points {
			all = append(all, of(p))
		}
	}
	return all
}

// position is where a value stands: gonum's own logarithmic scale leaves too little room for the plot.
func (a axis) position(value float64) float64 {
	if a.logarithmic {
		return math.Log10(value)
	}
	return value
}

// apply sets the axis' ends and ticks so that it has all of the values.
func (a axis) apply(to *plot.Axis, values []float64) {
	if len(values) == 0 {
		return
	}
	s := summarize(values)
	var ticks plot.ConstantTicks
	switch {
	case !a.logarithmic:
		to.Min, to.Max = min(0, s.low), 1.1*s.high
		to.Tick.Marker = roundTicks{}
		return
	case a.ticks != nil:
		s.low, s.high = float64(a.ticks[0]), float64(a.ticks[len(a.ticks)-1])
		for _, n := range a.ticks {
			ticks = append(ticks, plot.Tick{Value: float64(n), Label: thousands(int64(n))})
		}
	default:
		ticks = decades(math.Floor(math.Log10(s.low)), math.Ceil(math.Log10(s.high)))
		s.low, s.high = ticks[0].Value, ticks[len(ticks)-1].Value
	}
	to.Min, to.Max = a.position(s.low), a.position(s.high)
	for i := range ticks {
		ticks[i].Value = a.position(ticks[i].Value)
	}
	to.Tick.Marker = ticks
}

// decades are the powers of ten between two exponents, and without labels what is between them; where there are few, 2 and
// 5 have labels too, and where there are many, labels are short.
func decades(low, high float64) plot.ConstantTicks {
	high = max(high, low+1)
	label := tickLabel
	if high-low > 5 {
		label = shortLabel
	}
	var ticks plot.ConstantTicks
	for exponent := low; exponent < high; exponent++ {
		for i := 1.0; i < 10; i++ {
			tick := plot.Tick{Value: i * math.Pow(10, exponent)}
			if i == 1 || high-low <= 3 && (i == 2 || i == 5) {
				tick.Label = label(tick.Value)
			}
			ticks = append(ticks, tick)
		}
	}
	end := math.Pow(10, high)
	return append(ticks, plot.Tick{Value: end, Label: label(end)})
}

// roundTicks are some six round numbers.
type roundTicks struct{}

func (roundTicks) Ticks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, factor := range []float64{5, 2} {
		if (high-low)/(factor*step) >= 4 {
			step *= factor
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(low / step); i*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: tickLabel(i * step)})
	}
	return ticks
}

func tickLabel(value float64) string {
	if value == math.Trunc(value) {
		return thousands(int64(value))
	}
	return strconv.FormatFloat(value, 'g', 3, 64)
}

// shortLabel is for powers of ten.
func shortLabel(value float64) string {
	switch {
	case value >= 1e6:
		return tickLabel(value/1e6) + "M"
	case value >= 1e3:
		return tickLabel(value/1e3) + "k"
	}
	return tickLabel(value)
}
