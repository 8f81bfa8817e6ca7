package vlm

import (
	"fmt"
	"slices"

	"recaption/internal/imaging"
	"recaption/internal/imaging/processor"
	"recaption/internal/ort"
	"recaption/internal/tokenizer"
	"recaption/schemas"
)

// llava is model_type "llava": one picture of fixed size, whose feature rows
// take the place of image tokens in the prompt, numbered from 0.
type llava struct {
	tok       *tokenizer.Tokenizer
	transform processor.Transform
	name      string // the image token's text
	id        int32
	features  int
	template  bool // the model has a chat template
}

func newLlava(f *folder, c modelConfig, tok *tokenizer.Tokenizer) (family, error) {
	var p struct {
		PatchSize     int    `json:"patch_size"`
		Additional    *int   `json:"num_additional_image_tokens"`
		FeatureSelect string `json:"vision_feature_select_strategy"`
		ImageToken    string `json:"image_token"`
	}
	if _, err := f.json("processor_config.json", &p); err != nil {
		return nil, err
	}
	pre, err := processor.Read(f.json, refuse)
	if err != nil {
		return nil, err
	}
	l := &llava{tok: tok, name: "<image>"}
	if p.ImageToken != "" {
		l.name = p.ImageToken
	}
	if l.transform, err = pre.Transform(refuse); err != nil {
		return nil, err
	}
	if l.id, err = llavaImageToken(c, tok, l.name); err != nil {
		return nil, err
	}
	h, w := l.transform.Size()
	switch {
	case p.PatchSize > 0:
		// As the reference's processor counts them.
		l.features = (h / p.PatchSize) * (w / p.PatchSize)
		if p.Additional != nil {
			l.features += *p.Additional
		}
		if p.FeatureSelect == "default" {
			l.features--
		}
	case c.ImageSeqLength > 0:
		l.features = c.ImageSeqLength
	default:
		l.features = pre.SeqLength
	}
	if l.features < 1 || l.features > 1<<16 {
		return nil, refuse("image tokens of a picture (patch_size of processor_config.json, or image_seq_length of config.json)", l.features, "1 to 65536")
	}
	l.template, err = hasTemplate(f)
	return l, err
}

func llavaImageToken(c modelConfig, tok *tokenizer.Tokenizer, name string) (int32, error) {
	id, ok := tok.ID(name)
	if !ok {
		return 0, refuse("image token "+name, "no such token in tokenizer.json", "an added token")
	}
	want := c.ImageTokenIndex
	if want == nil {
		want = c.ImageTokenID
	}
	if want == nil {
		return 0, refuse("image_token_index of config.json", "none", id)
	}
	if *want != id {
		return 0, refuse("image_token_index of config.json", *want, fmt.Sprintf("%d, the id of %s in tokenizer.json", id, name))
	}
	return id, nil
}

// hasTemplate says whether the model has a chat template, in any of its places.
func hasTemplate(f *folder) (bool, error) {
	var t struct {
		Template any `json:"chat_template"`
	}
	for _, name := range []string{"tokenizer_config.json", "chat_template.json", "processor_config.json"} {
		if _, err := f.json(name, &t); err != nil {
			return false, err
		}
		if t.Template != nil {
			return true, nil
		}
	}
	b, err := f.read("chat_template.jinja")
	return len(b) > 0, err
}

func (l *llava) vision() []ort.Port {
	h, w := l.transform.Size()
	return []ort.Port{{Name: "pixel_values", Type: ort.F32, Dims: []ort.Dim{{Size: -1, Symbol: "batch"}, {Size: 3}, {Size: int64(h)}, {Size: int64(w)}}}}
}

func (l *llava) image(img *imaging.Image) (picture, error) {
	pixels, err := l.transform.Apply(nil, img)
	if err != nil {
		return picture{}, &SampleError{Reason: schemas.ReasonBomb, Err: err}
	}
	h, w := l.transform.Size()
	return picture{tensors: []tensor{{shape: []int64{1, 3, int64(h), int64(w)}, floats: pixels}}, features: l.features}, nil
}

// expand puts the image token in front of a prompt that lacks it, but only
// where the model has no chat template that would say otherwise.
func (l *llava) expand(prompt string, features int) ([]int32, error) {
	ids, err := l.tok.EncodeSpecial(prompt)
	if err != nil {
		return nil, promptError(ReasonBadPrompt, "encode the prompt: %w", err)
	}
	n := count(ids, l.id)
	if n == 0 && !l.template {
		if ids, err = l.tok.EncodeSpecial(l.name + prompt); err != nil {
			return nil, promptError(ReasonBadPrompt, "encode the prompt: %w", err)
		}
		n = count(ids, l.id)
	}
	if n != 1 {
		return nil, promptError(ReasonBadPrompt, "the prompt has %s %d times, want once; write it as the model's chat template has it", l.name, n)
	}
	at := slices.Index(ids, l.id)
	out := make([]int32, 0, len(ids)-1+features)
	out = append(out, ids[:at]...)
	for range features {
		out = append(out, l.id)
	}
	return append(out, ids[at+1:]...), nil
}

func count(ids []int32, id int32) int {
	n := 0
	for _, i := range ids {
		if i == id {
			n++
		}
	}
	return n
}

func (l *llava) positions(ids []int32, _ picture) ([][]int64, int64) {
	plane := make([]int64, len(ids))
	for i := range plane {
		plane[i] = int64(i)
	}
	return [][]int64{plane}, int64(len(ids))
}

func (l *llava) planes() int { return 1 }

func (l *llava) imageToken() int32 { return l.id }

func (l *llava) prompt() (token string, tokens int, template string) {
	if l.template {
		return l.name, l.features, "chat"
	}
	return l.name, l.features, "raw"
}

func (l *llava) describe() map[string]any {
	m := l.transform.Describe()
	m["image_token"], m["image_tokens"] = l.name, l.features
	m["orientation"] = "upright" // by EXIF, as the reference does with the files that it loads
	return m
}

var _ family = (*llava)(nil)

// noRoom says that a prompt leaves no room for a caption.
func noRoom(prompt, most int) error {
	return promptError(schemas.ReasonPromptLong, "the prompt has %d tokens, the model takes %d with the caption", prompt, most)
}
