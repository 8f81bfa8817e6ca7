// Package report tells what captions were worth to a model that was trained on
// them: arms that differ in their texts alone, side by side, as one page that
// needs nothing else and as JSON.
//
// It counts and draws; it trains and measures nothing. Who did that fills in a
// [Report]; [Report.Validate] finds figures that contradict each other, and
// nothing is written that has such.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"recaption/schemas"
)

// version of the JSON that is written, and the only one that is read.
const version = 1

// kind of the JSON.
const kind = "training_report"

// ErrVersion says that a report is of a version this program does not know.
var ErrVersion = errors.New("unknown version")

// Report is all that a page shows. Arms are shown in their order: by custom
// that of the alt-text comes first, the one with true captions, which no
// captioner can pass, last.
type Report struct {
	Kind        string       `json:"kind"`    // set when it is written
	Version     int          `json:"version"` // set when it is written
	Title       string       `json:"title"`
	Summary     string       `json:"summary,omitempty"` // a sentence or two below the title
	When        time.Time    `json:"when"`
	Program     Program      `json:"program"`
	Machine     Machine      `json:"machine"`
	Arms        []Arm        `json:"arms"`
	Differences []Difference `json:"differences,omitempty"`
	Goals       []Goal       `json:"goals,omitempty"`
	Notes       []Note       `json:"notes,omitempty"` // what the figures prove and what they don't
	Noise       []Noise      `json:"noise,omitempty"`
	Samples     []Sample     `json:"samples,omitempty"`
	Items       []Item       `json:"items,omitempty"`
	Repeat      Repeat       `json:"repeat"`
}

// Number is a figure of JSON. One that is not finite is written as null, and
// null is read as NaN: a loss that left the range of numbers must be told, too.
type Number float64

// MarshalJSON writes the shortest form, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads a number or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

func (n Number) finite() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// Program says what made the figures.
type Program struct {
	Version string `json:"version"`           // of recaption
	Runtime string `json:"runtime,omitempty"` // name and version of what ran the graphs
	Go      string `json:"go,omitempty"`
}

// Machine says where.
type Machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	Memory      int64  `json:"memory,omitempty"` // bytes
	Accelerator string `json:"accelerator,omitempty"`
	System      string `json:"system,omitempty"`
}

// Arm is one model with the texts it was shown. A model that was not trained
// here, a public one for comparison, has neither Training nor Curve.
type Arm struct {
	Name     string    `json:"name"` // unique; short, as it stands beside bars
	About    string    `json:"about,omitempty"`
	Recipe   string    `json:"recipe,omitempty"` // what wrote its captions, in words
	Policy   string    `json:"policy,omitempty"` // the policy file
	Training *Training `json:"training,omitempty"`
	Curve    []Point   `json:"curve,omitempty"`
	Probes   []Probe   `json:"probes,omitempty"`
	Texts    *Texts    `json:"texts,omitempty"`
}

// Training is how an arm was trained. What is zero is not shown.
type Training struct {
	Model           string    `json:"model"`
	Parameters      int64     `json:"parameters"`
	Loss            string    `json:"loss"`
	Optimizer       string    `json:"optimizer"`
	Steps           int       `json:"steps"`
	Batch           int       `json:"batch"`
	Epochs          Number    `json:"epochs"`
	Samples         int       `json:"samples"` // of the data set
	Pixels          int       `json:"pixels"`  // of a side
	Context         int       `json:"context"` // tokens
	Settings        []Setting `json:"settings,omitempty"`
	Seconds         Number    `json:"seconds"`
	ImagesPerSecond Number    `json:"images_per_second"`
	PeakMemory      int64     `json:"peak_memory"` // bytes, of the process
}

// Setting is one more setting of a training.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Point is one step of a training.
type Point struct {
	Step            int    `json:"step"`
	Loss            Number `json:"loss"`
	Rate            Number `json:"rate"`  // learning rate
	Scale           Number `json:"scale"` // what similarities are multiplied by
	ImagesPerSecond Number `json:"images_per_second"`
}

// Probe is the result of one arm at one probe. Suite and Name say which, and
// join the arms.
type Probe struct {
	Suite  string  `json:"suite,omitempty"`
	Name   string  `json:"name"`
	What   string  `json:"what,omitempty"` // what is asked, in a sentence
	Items  int     `json:"items"`
	Won    int     `json:"won"`  // the true answer strictly ahead
	Ties   int     `json:"ties"` // counted as not won
	Chance Number  `json:"chance"`
	Share  Number  `json:"share"`           // Won of Items
	Low    Number  `json:"low"`             // Wilson interval, 95 %
	High   Number  `json:"high"`            //
	Blind  *Number `json:"blind,omitempty"` // share of who sees the texts alone
}

// Difference is how far one arm is ahead of another at a probe.
type Difference struct {
	Suite string `json:"suite,omitempty"`
	Probe string `json:"probe"`
	Arm   string `json:"arm"`
	Over  string `json:"over"`
	By    Number `json:"by"`  // share of Arm less that of Over
	Low   Number `json:"low"` // Newcombe interval, 95 %
	High  Number `json:"high"`
}

// Goal is a figure that was set before the measurement.
type Goal struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// Note is a paragraph. Its blank lines part paragraphs.
type Note struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Noise is one fault that alt-text has.
type Noise struct {
	Kind     string `json:"kind"`
	Of       string `json:"of,omitempty"` // what it is a share of; empty: of the samples
	Rate     Number `json:"rate"`         // set before any training
	Measured Number `json:"measured"`     // in the training set
	Source   string `json:"source,omitempty"`
}

// Sample is one sample of the data set.
type Sample struct {
	Key      string         `json:"key"`
	Image    []byte         `json:"image,omitempty"`    // a file that browsers show
	NoImage  string         `json:"no_image,omitempty"` // why there is none
	AltText  *string        `json:"alt_text"`           // null where there is none
	Caption  string         `json:"caption,omitempty"`  // as the gate accepts it
	Rejected string         `json:"rejected,omitempty"` // the latest caption, where it accepts none
	True     string         `json:"true,omitempty"`     // true caption, where it is known
	Flags    []schemas.Flag `json:"flags,omitempty"`
}

// Item is one question of a probe.
type Item struct {
	Suite string    `json:"suite,omitempty"`
	Probe string    `json:"probe"`
	Key   string    `json:"key"`
	Image []byte    `json:"image,omitempty"` // a file that browsers show
	True  string    `json:"true"`
	Wrong string    `json:"wrong"`
	Arms  []ItemArm `json:"arms"`
}

// ItemArm is how like the image an arm found the two texts. It won when the
// true one is strictly more like it.
type ItemArm struct {
	Arm   string `json:"arm"`
	True  Number `json:"true"`
	Wrong Number `json:"wrong"`
}

// Repeat is what it takes to get the same figures again.
type Repeat struct {
	Commands []Command `json:"commands,omitempty"`
	Pins     []Pin     `json:"pins,omitempty"`
	Seeds    []Seed    `json:"seeds,omitempty"`
}

// Command is a step of the way.
type Command struct {
	What string `json:"what"`
	Line string `json:"line"`
}

// Pin names an input by its digest: a dataset, recipe, gate, policy, epoch
// list or model.
type Pin struct {
	What   string `json:"what"`
	Name   string `json:"name,omitempty"`
	Digest string `json:"digest"`
}

// Seed is where random numbers began.
type Seed struct {
	What string `json:"what"`
	Seed uint64 `json:"seed"`
}

// WriteJSON writes r, after [Report.Validate].
func WriteJSON(w io.Writer, r Report) error {
	if err := r.Validate(); err != nil {
		return err
	}
	r.Kind, r.Version = kind, version
	if r.Arms == nil {
		r.Arms = []Arm{} // not null
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Read reads what [WriteJSON] wrote.
func Read(rd io.Reader) (Report, error) {
	b, err := io.ReadAll(rd)
	if err != nil {
		return Report{}, fmt.Errorf("read report: %w", err)
	}
	var head struct {
		Kind    string `json:"kind"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Report{}, fmt.Errorf("read report: %w", err)
	}
	if head.Kind != kind {
		return Report{}, fmt.Errorf("read report: want kind %q, got %q", kind, head.Kind)
	}
	if head.Version != version {
		return Report{}, fmt.Errorf("read report: %w %s; this program reads version %d", ErrVersion, strconv.Itoa(head.Version), version)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return Report{}, fmt.Errorf("read report: %w", err)
	}
	return r, r.Validate()
}
