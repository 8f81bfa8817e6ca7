package schemas

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrID is matched by every error about a malformed identifier.
var ErrID = errors.New("malformed identifier")

// The identifiers. All are safe in an object key, in a NATS subject token and
// in a file name: lower-case letters, digits, '-' and '_', never empty.
type (
	// DatasetID is the name a user gives a dataset, at most 63 characters.
	DatasetID string
	// RevisionID is 16 hex digits, the digest of a source's description, its
	// parts and the cut settings.
	RevisionID string
	// PartID names a part within a revision; parts sort in source order.
	PartID string
	// ShardID is the sha256 of a shard's file, 64 hex digits.
	ShardID string
	// RecipeID is the sha256 of a recipe's canonical form, 64 hex digits.
	RecipeID string
	// GateID is the sha256 of a gate's canonical form, 64 hex digits.
	GateID string
	// RunID names a run.
	RunID string
	// JobID is 32 hex digits, the digest of shard, recipe, generation and rows.
	JobID string
	// AttemptID is 16 random hex digits.
	AttemptID string
	// Pool names a group of workers that share one queue of jobs.
	Pool string
)

// ParseDatasetID checks s. It accepts 1 to 63 characters of a-z, 0-9, '-' and
// '_', the first of them a letter or a digit.
func ParseDatasetID(s string) (DatasetID, error) { return parseName[DatasetID]("dataset", s) }

// ParseRunID checks s by the rule of [ParseDatasetID].
func ParseRunID(s string) (RunID, error) { return parseName[RunID]("run", s) }

// ParsePool checks s by the rule of [ParseDatasetID].
func ParsePool(s string) (Pool, error) { return parseName[Pool]("pool", s) }

// ParsePartID checks s by the rule of [ParseDatasetID].
func ParsePartID(s string) (PartID, error) { return parseName[PartID]("part", s) }

// ParseRevisionID checks that s is 16 hex digits.
func ParseRevisionID(s string) (RevisionID, error) { return parseHex[RevisionID]("revision", s, 16) }

// ParseShardID checks that s is 64 hex digits.
func ParseShardID(s string) (ShardID, error) { return parseHex[ShardID]("shard", s, 64) }

// ParseRecipeID checks that s is 64 hex digits.
func ParseRecipeID(s string) (RecipeID, error) { return parseHex[RecipeID]("recipe", s, 64) }

// ParseGateID checks that s is 64 hex digits.
func ParseGateID(s string) (GateID, error) { return parseHex[GateID]("gate", s, 64) }

// ParseJobID checks that s is 32 hex digits.
func ParseJobID(s string) (JobID, error) { return parseHex[JobID]("job", s, 32) }

// ParseAttemptID checks that s is 16 hex digits.
func ParseAttemptID(s string) (AttemptID, error) { return parseHex[AttemptID]("attempt", s, 16) }

// NewAttemptID draws a random attempt. It never fails.
func NewAttemptID() AttemptID {
	var b [8]byte
	rand.Read(b[:])
	return AttemptID(hex.EncodeToString(b[:]))
}

// Prefix is the first three hex digits: 4,096 folders spread the load on a
// store and let a listing run in parallel.
func (s ShardID) Prefix() string { return string(s[:3]) }

// Short is the first twelve digits, for people.
func (s ShardID) Short() string { return string(s[:12]) }

// Short is the first twelve digits, for people.
func (r RecipeID) Short() string { return string(r[:12]) }

// NewRunID names the run of one revision, one recipe and one gate. Equal
// arguments give the equal run, so that a command given again resumes what it
// began.
func NewRunID(dataset DatasetID, revision RevisionID, recipe RecipeID, gate GateID) RunID {
	name := string(dataset)
	if len(name) > 40 {
		name = name[:40]
	}
	return RunID(name + "-" + digestOf("run", string(dataset), string(revision), string(recipe), string(gate))[:12])
}

// NewJobID digests what makes a job.
func NewJobID(shard ShardID, recipe RecipeID, generation int, rows []RowRange) JobID {
	var sel strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&sel, "%d-%d,", r.From, r.To)
	}
	return JobID(digestOf("job", string(shard), string(recipe), fmt.Sprint(generation), sel.String())[:32])
}

// NewRevisionID digests the lines that describe a source, its parts and the
// settings of a cut.
func NewRevisionID(lines ...string) RevisionID {
	return RevisionID(digestOf(append([]string{"revision"}, lines...)...)[:16])
}

func digestOf(lines ...string) string {
	h := sha256.New()
	for _, l := range lines {
		fmt.Fprintf(h, "%d:%s\n", len(l), l)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func parseName[T ~string](kind, s string) (T, error) {
	ok := len(s) >= 1 && len(s) <= 63 && s[0] != '-' && s[0] != '_'
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	if !ok {
		return "", fmt.Errorf("%w: %s %q: want 1 to 63 characters of a-z, 0-9, '-' and '_', the first a letter or a digit", ErrID, kind, s)
	}
	return T(s), nil
}

func parseHex[T ~string](kind, s string, n int) (T, error) {
	ok := len(s) == n
	for i := 0; ok && i < n; i++ {
		c := s[i]
		ok = c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
	}
	if !ok {
		return "", fmt.Errorf("%w: %s %q: want %d lower-case hex digits", ErrID, kind, s, n)
	}
	return T(s), nil
}
