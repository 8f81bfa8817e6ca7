package scenes

// Truth is what is written beside a picture: all that holds of it, for whoever
// trains or scores a captioner. Positions and radii are in pixels, and exact.
type Truth struct {
	Index      int           `json:"index"`
	Split      Split         `json:"split"`
	Kind       Kind          `json:"kind"`
	Background Background    `json:"background"`
	Objects    []TruthObject `json:"objects"`
	Relations  []Link        `json:"relations"`
	// Where is the place of a single object: "top left", "middle".
	Where      string   `json:"where,omitempty"`
	Caption    string   `json:"caption"`
	References []string `json:"references"` // the same in other words
	// Name and NameObject are set when the alt-text knows a name: who made the
	// object at this index.
	Name        string  `json:"name,omitempty"`
	NameObject  *int    `json:"name_object,omitempty"`
	AltKind     AltKind `json:"alt_kind"`
	WrongColour bool    `json:"wrong_colour"`
}

// TruthObject is an object of a Truth. Host says that another object sits on
// or in it.
type TruthObject struct {
	Thing
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Radius float64 `json:"radius"`
	Host   bool    `json:"host"`
}

// Truth returns what holds of the sample.
func (s *Sample) Truth() Truth {
	t := Truth{
		Index: s.Index, Split: s.Split, Kind: s.Scene.Kind, Background: s.Scene.Background,
		Relations: append([]Link{}, s.Scene.Links...), Caption: s.Caption(0),
		AltKind: s.Alt.Kind, WrongColour: s.Alt.WrongColour,
	}
	for style := 1; style < Styles; style++ {
		t.References = append(t.References, s.Caption(style))
	}
	for _, o := range s.Scene.Objects {
		t.Objects = append(t.Objects, TruthObject{
			Thing: o.Thing, X: float64(o.X) / unit, Y: float64(o.Y) / unit, Radius: float64(o.Radius) / unit,
		})
	}
	for _, l := range s.Scene.Links {
		if l.Relation == OnTop || l.Relation == Inside {
			t.Objects[l.Object].Host = true
		}
	}
	if len(s.Scene.Objects) == 1 {
		t.Where = s.Scene.place()
	}
	if s.Alt.Name != "" {
		t.Name, t.NameObject = s.Alt.Name, &s.Alt.NameOf
	}
	return t
}

// Facts returns what the caption of the picture should claim. A truth that was
// not written by this package may point outside its objects; what does so is
// left out.
func (t Truth) Facts() Facts {
	f := Facts{Count: len(t.Objects), Background: &t.Background, Where: t.Where}
	for _, o := range t.Objects {
		f.Things = append(f.Things, o.Thing)
	}
	there := func(i int) bool { return i >= 0 && i < len(t.Objects) }
	for _, l := range t.Relations {
		if there(l.Subject) && there(l.Object) {
			f.Claims = append(f.Claims, Claim{t.Objects[l.Subject].Ref(), l.Relation, t.Objects[l.Object].Ref()})
		}
	}
	if t.NameObject != nil && there(*t.NameObject) {
		f.Name, f.NameOf = t.Name, t.Objects[*t.NameObject].Shape
	}
	return f
}
