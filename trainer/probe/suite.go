package probe

import (
	"errors"
	"fmt"
)

// Suite is what towers are asked. Items refer to pictures by index in Images.
// Names are unique among the probes of a suite.
type Suite struct {
	Name      string
	Images    []Image
	Choices   []ChoiceProbe
	Pairs     []PairProbe
	Retrieval []RetrievalProbe
	Classes   []ClassProbe
	// Dropped counts items that were left out, by reason.
	Dropped map[string]int
	// Missing names the image files that the suite's files speak of and that are
	// not there. Their items are left out.
	Missing []string
	// Notes say what differs from how the suite is usually run.
	Notes []string
}

// Image is a picture, read when it is needed. Read may be called from any
// goroutine, more than once.
type Image struct {
	Name string // a file's name, or what a gallery should call it
	Read func() ([]byte, error)
}

// ChoiceProbe asks which of several texts is true of a picture.
type ChoiceProbe struct {
	Name  string
	Items []Choice
	// MacroOver, when not nil, says which groups count for the macro mean, given a
	// group's name and number of items.
	MacroOver func(group string, items int) bool
}

// Choice is one item. No false text equals the true one.
type Choice struct {
	Image int
	True  string
	False []string
	Group string
}

// PairProbe asks which of two texts belongs to which of two pictures.
type PairProbe struct {
	Name  string
	Items []Pair
}

// Pair holds that Texts[i] is of Images[i].
type Pair struct {
	Images [2]int
	Texts  [2]string
	Group  string
}

// RetrievalProbe asks for each picture its texts among all texts, and for each
// text its picture among all pictures. Equal texts are one text, which belongs
// to every picture that has it.
type RetrievalProbe struct {
	Name  string
	Items []Described
}

// Described is a picture with its texts, at least one.
type Described struct {
	Image int
	Texts []string
}

// ClassProbe asks which class a picture has. A class is the normalised mean of
// the rows of its prompts, as in Radford et al., ICML 2021.
type ClassProbe struct {
	Name    string
	Classes []Class
	Items   []Classed
}

// Class has one prompt for each template.
type Class struct {
	Name    string
	Prompts []string
}

// Classed is a picture and the index of its class.
type Classed struct {
	Image int
	Class int
}

// drop counts items that are left out.
func (s *Suite) drop(reason string, n int) {
	if n == 0 {
		return
	}
	if s.Dropped == nil {
		s.Dropped = map[string]int{}
	}
	s.Dropped[reason] += n
}

// validate finds faults that whoever made the suite is to blame for.
func (s *Suite) validate() error {
	var errs []error
	bad := func(probe string, item int, format string, args ...any) {
		if len(errs) < 10 {
			errs = append(errs, fmt.Errorf("suite %s, %s, item %d: %s", s.Name, probe, item, fmt.Sprintf(format, args...)))
		}
	}
	picture := func(probe string, item, image int) {
		if image < 0 || image >= len(s.Images) {
			bad(probe, item, "no picture %d", image)
		}
	}
	items := 0
	for _, p := range s.Choices {
		items += len(p.Items)
		for i, c := range p.Items {
			picture(p.Name, i, c.Image)
			if len(c.False) == 0 {
				bad(p.Name, i, "no false text")
			}
			for _, f := range c.False {
				if f == c.True {
					bad(p.Name, i, "%q is both true and false", f)
				}
			}
		}
	}
	for _, p := range s.Pairs {
		items += len(p.Items)
		for i, c := range p.Items {
			picture(p.Name, i, c.Images[0])
			picture(p.Name, i, c.Images[1])
			if c.Texts[0] == c.Texts[1] {
				bad(p.Name, i, "both texts are %q", c.Texts[0])
			}
		}
	}
	for _, p := range s.Retrieval {
		items += len(p.Items)
		for i, d := range p.Items {
			picture(p.Name, i, d.Image)
			if len(d.Texts) == 0 {
				bad(p.Name, i, "no text")
			}
		}
	}
	for _, p := range s.Classes {
		items += len(p.Items)
		for i, c := range p.Items {
			picture(p.Name, i, c.Image)
			if c.Class < 0 || c.Class >= len(p.Classes) {
				bad(p.Name, i, "no class %d", c.Class)
			}
		}
		for i, c := range p.Classes {
			if len(c.Prompts) == 0 {
				bad(p.Name, i, "class %q has no prompt", c.Name)
			}
		}
	}
	if items == 0 {
		errs = append(errs, fmt.Errorf("suite %s has no items", s.Name))
	}
	return errors.Join(errs...)
}
