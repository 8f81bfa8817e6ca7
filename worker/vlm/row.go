package vlm

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"recaption/schemas"
)

// A Caption is what the model said of one sample.
type Caption struct {
	Text     string
	TokenIDs []int32 // all tokens that were made, the stop token among them
	Finish   schemas.Finish
	// LogProb is the sum over TokenIDs of the logarithm of each one's
	// probability, by the model's own distribution (temperature 1, nothing
	// taken away) after what came before it.
	LogProb float32
}

// A row is one call to Generate, from its arrival to its answer.
type row struct {
	ctx   context.Context
	p     *Prepared
	since time.Time

	// Of the lane that has the row.
	tokens  []int32
	logprob float64
	random  *rand.Rand
	failure error // why the runtime failed on it, alone

	// Set before done is closed.
	caption Caption
	err     error
	done    chan struct{}
}

func newRow(ctx context.Context, p *Prepared) *row {
	return &row{ctx: ctx, p: p, since: time.Now(), done: make(chan struct{})}
}

// reset makes a row ready for another try: the same seed gives the same draws.
func (r *row) reset() {
	r.tokens, r.logprob, r.failure = r.tokens[:0], 0, nil
	r.random = rand.New(rand.NewPCG(uint64(r.p.seed), 0x9e3779b97f4a7c15))
}

func (r *row) answered() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *row) answer(c Caption, err error) {
	r.caption, r.err = c, err
	close(r.done)
}

// bucket is the prompt's length as it is padded alone.
func (r *row) bucket() int { return padded(len(r.p.ids)) }

// longest is the length that the row's prompt and caption may have together.
func (r *row) longest() int { return r.bucket() + r.p.settings.MaxTokens }

// held says whether the next token may not be a stop token.
func (r *row) held() bool { return len(r.tokens) < r.p.settings.MinTokens }

// take appends a token and says whether the row ends with it.
func (r *row) take(token int32, logprob float32, stop []int32) (schemas.Finish, bool) {
	r.tokens = append(r.tokens, token)
	r.logprob += float64(logprob)
	for _, s := range stop {
		if token == s {
			return schemas.FinishStop, true
		}
	}
	return schemas.FinishLength, len(r.tokens) >= r.p.settings.MaxTokens
}

// pick draws a token: scores are the logits of the likeliest tokens, falling.
// It follows the reference: temperature, then the top_k likeliest, then the
// fewest of them that hold top_p together.
func (r *row) pick(tokens []int64, scores []float32) int {
	s := r.p.settings
	if !s.Sample {
		return 0
	}
	n := min(s.TopK, len(scores))
	weights := make([]float64, n)
	total := 0.0
	for i := range weights {
		weights[i] = math.Exp(float64(scores[i]-scores[0]) / s.Temperature)
		total += weights[i]
	}
	held, kept := 0.0, 0
	for kept < n && (kept == 0 || held < s.TopP*total) {
		held += weights[kept]
		kept++
	}
	x := r.random.Float64() * held
	for i := range kept {
		if x -= weights[i]; x < 0 {
			return i
		}
	}
	return kept - 1
}
