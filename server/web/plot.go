package web

import (
	"fmt"
	"net/url"
	"strings"
)

// The plots are SVG of fixed size in user units; the stylesheet scales and
// colours them.
const (
	plotWidth  = 640
	plotHeight = 200
	plotLeft   = 40
	plotBottom = 24
	plotTop    = 8
	maxDays    = 60
	maxBars    = 10
)

// dayPlot is success by day with its 95 % interval, and calls as bars.
type dayPlot struct {
	Points []dayPoint
	Line   string // points of a polyline
	Band   string // points of a polygon: the interval
	Ticks  []tick
	Names  []tick
	First  string
	Last   string
}

type dayPoint struct {
	X, Y, BarX, BarY, BarWidth, BarHeight float64
	Title                                 string
}

type tick struct {
	At   float64
	Text string
}

// plotDays draws the last days that had calls; nil when there are none.
func plotDays(days []group) *dayPlot {
	var shownDays []group
	for _, d := range days {
		if d.Calls > 0 && d.Name != "older" {
			shownDays = append(shownDays, d)
		}
	}
	shownDays = shownDays[max(0, len(shownDays)-maxDays):]
	if len(shownDays) == 0 {
		return nil
	}
	var most int64
	for _, d := range shownDays {
		most = max(most, d.Calls)
	}
	p := &dayPlot{First: short(shownDays[0].Name, 20), Last: short(shownDays[len(shownDays)-1].Name, 20)}
	step := float64(plotWidth-plotLeft) / float64(len(shownDays))
	var upper, lower, middle []string
	for i, d := range shownDays {
		x := plotLeft + step*(float64(i)+0.5)
		bar := float64(d.Calls) / float64(most) * (plotHeight - plotTop - plotBottom)
		width := min(step*0.6, 40)
		p.Points = append(p.Points, dayPoint{X: x, Y: height(d.Success.Rate), BarX: x - width/2,
			BarY: plotHeight - plotBottom - bar, BarWidth: width, BarHeight: bar,
			Title: fmt.Sprintf("%s: %d calls, %.0f %% succeeded (95 %% interval %.0f to %.0f %%)", short(d.Name, 20), d.Calls,
				100*d.Success.Rate, 100*d.Success.Interval.Low, 100*d.Success.Interval.High)})
		middle = append(middle, at(x, d.Success.Rate))
		upper = append(upper, at(x, d.Success.Interval.High))
		lower = append([]string{at(x, d.Success.Interval.Low)}, lower...)
		if every := max(1, (len(shownDays)+5)/6); i%every == 0 {
			p.Names = append(p.Names, tick{x, strings.TrimPrefix(short(d.Name, 10), "20")})
		}
	}
	p.Line, p.Band = strings.Join(middle, " "), strings.Join(append(upper, lower...), " ")
	for _, v := range []float64{0, 0.5, 1} {
		p.Ticks = append(p.Ticks, tick{height(v), fmt.Sprintf("%.0f %%", 100*v)})
	}
	return p
}

func height(share float64) float64 {
	return plotTop + (1-share)*(plotHeight-plotTop-plotBottom)
}

func at(x, share float64) string { return fmt.Sprintf("%.1f,%.1f", x, height(share)) }

// bar is one row of a bar plot; Width is a share of the longest in percent.
type bar struct {
	Name, Value string
	Width       float64
	Link        string // to the calls in the log; may be ""
}

// plotBars draws the heaviest signatures.
func plotBars(all []signature, say func(float64) string) []bar {
	all = all[:min(len(all), maxBars)]
	most := 0.0
	for _, s := range all {
		most = max(most, s.Weight)
	}
	var out []bar
	for _, s := range all {
		if s.Weight > 0 {
			b := bar{Name: short(s.Name, 120), Value: say(s.Weight), Width: 100 * s.Weight / most}
			if s.ID != "" {
				b.Link = "/log?" + url.Values{"signature": {short(s.ID, 512)}}.Encode()
			}
			out = append(out, b)
		}
	}
	return out
}

// spanPlot is a share with its interval, on a line of 100 units. The row's words
// say the same.
type spanPlot struct{ From, To, At float64 }

func plotSpan(share, low, high float64) spanPlot {
	on := func(v float64) float64 { return 100 * max(0, min(1, v)) }
	return spanPlot{From: on(low), To: max(on(high), on(low)+1), At: min(on(share), 98.4)}
}

// forestRow is one kind of advice in a plot of intervals.
type forestRow struct {
	Name, Words, Class string
	Y, From, To, Point float64
	HasInterval        bool
}

// forest is the effects of advice as intervals around no effect.
type forest struct {
	Height, Zero float64
	Ticks        []tick
	Rows         []forestRow
}

const (
	forestLeft = 130
	forestRowH = 30
)

// plotEffects draws the measured differences; nil when none is measured yet.
func plotEffects(kinds []effect) *forest {
	widest := 0.1
	measured := false
	for _, k := range kinds {
		if d := k.Difference; d != nil {
			measured = true
			widest = max(widest, -d.Low, d.High)
		}
	}
	if !measured {
		return nil
	}
	widest = min(1, widest*1.1)
	at := func(v float64) float64 {
		v = max(-widest, min(widest, v))
		return forestLeft + (v+widest)/(2*widest)*(plotWidth-forestLeft-20)
	}
	f := &forest{Height: float64(len(kinds)*forestRowH + 30), Zero: at(0)}
	for _, v := range []float64{-widest, 0, widest} {
		f.Ticks = append(f.Ticks, tick{at(v), strings.Replace(fmt.Sprintf("%+.0f", 100*v), "+0", "0", 1)})
	}
	for i, k := range kinds {
		row := forestRow{Name: strings.ReplaceAll(short(k.AdviceKind, 18), "_", " "), Y: float64(i*forestRowH) + 20, Words: "not enough tasks yet"}
		if d := k.Difference; d != nil {
			row.HasInterval, row.From, row.To = true, at(d.Low), at(d.High)
			row.Point, row.Words = at((d.Low+d.High)/2), k.Points()
			row.Class = map[bool]string{true: "good", false: "open"}[d.Low > 0]
			if d.High < 0 {
				row.Class = "bad"
			}
		}
		f.Rows = append(f.Rows, row)
	}
	return f
}

// pathData is a cubic curve between two points.
func pathData(x0, y0, x1, y1, x2, y2, x3, y3 float64) string {
	return fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x0, y0, x1, y1, x2, y2, x3, y3)
}
