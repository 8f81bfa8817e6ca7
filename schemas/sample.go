package schemas

import "encoding/json"

// Sample is one image with its alt-text and context: a row of samples/1.
type Sample struct {
	Key         string          // unique in the revision
	Image       []byte          // the file as it came, nil when there is none
	ImageSHA256 Digest          // zero when there is no image
	MediaType   string          // "image/jpeg", …; empty when unknown
	Width       int32           // pixels as stored, before EXIF orientation; 0 when unknown
	Height      int32           // pixels as stored; 0 when unknown
	AltText     *string         // nil when there is none; empty text is kept as such
	Context     json.RawMessage // a JSON object, its types kept; nil when there is none
	Status      SampleStatus
	Reason      Reason
}

// CaptionRow is what a job made of one sample: a row of captions/1.
type CaptionRow struct {
	Key         string
	ImageSHA256 Digest // zero when there is no image
	InputSHA256 Digest // of what the prompt was rendered from
	Status      RowStatus
	Reason      Reason
	Captions    []Caption // all tries, in order; empty unless captioned
}

// Caption is a text with its provenance.
type Caption struct {
	Text    string             // as the model wrote it
	Prompt  string             // the name of the recipe's prompt
	Seed    int64              // of the sampler
	Tokens  int32              // generated, with the one that ended it
	Finish  Finish             // why it ended
	LogProb float32            // sum of the natural-log probabilities of its tokens
	Scores  map[string]float32 // by scorer; nil when none ran
}

// Finish says why a caption ended.
type Finish string

// The ends of a caption.
const (
	FinishStop   Finish = "stop"   // an end token or a stop string
	FinishLength Finish = "length" // the limit of tokens
)
