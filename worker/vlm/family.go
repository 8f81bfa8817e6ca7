package vlm

import (
	"fmt"
	"maps"
	"slices"

	"recaption/internal/imaging"
	"recaption/internal/ort"
	"recaption/internal/tokenizer"
)

// A family holds what differs between models of the three-graph layout. It has
// no state that changes, so any goroutine may use it.
type family interface {
	// vision is what the vision graph must take: its inputs, exactly. The first
	// dimension of each counts pictures, or pieces of pictures: inputs of
	// several samples are joined along it.
	vision() []ort.Port
	// image turns a picture into those inputs. Its error, and expand's, is a
	// *SampleError.
	image(img *imaging.Image) (picture, error)
	// expand turns a prompt into token ids with features image tokens in it.
	expand(prompt string, features int) ([]int32, error)
	// positions numbers the tokens of a prompt: a row of numbers for each plane
	// that the decoder takes, and the number of the first new token, from which
	// on they count up.
	positions(ids []int32, p picture) (planes [][]int64, next int64)
	// planes is how many rows of numbers positions gives.
	planes() int
	// imageToken is the id that stands for one feature row.
	imageToken() int32
	// prompt says how a prompt must look: the image token's text, how many
	// tokens take its place, and "raw" or "chat"; see PromptFacts.
	prompt() (token string, tokens int, template string)
	// describe is all that decides what image and expand do, for the recipe.
	describe() map[string]any
}

// A picture is one sample's inputs of the vision graph.
type picture struct {
	tensors  []tensor // in the order of vision()
	features int      // feature rows that the graph will give
}

// bytes is the size of its tensors.
func (p picture) bytes() int {
	n := 0
	for _, t := range p.tensors {
		n += 4*len(t.floats) + 8*len(t.ints) + len(t.bools)
	}
	return n
}

// A tensor is host data on its way into a graph; exactly one slice is set.
type tensor struct {
	shape  []int64
	floats []float32
	ints   []int64
	bools  []bool
}

// families are the model types that are supported.
var families = map[string]func(*folder, modelConfig, *tokenizer.Tokenizer) (family, error){
	"llava": newLlava,
}

func newFamily(f *folder, c modelConfig, tok *tokenizer.Tokenizer) (family, error) {
	open := families[c.ModelType]
	if open == nil {
		return nil, refuse("model_type of config.json", fmt.Sprintf("%q", c.ModelType), fmt.Sprintf("one of %q", slices.Sorted(maps.Keys(families))))
	}
	return open(f, c, tok)
}
