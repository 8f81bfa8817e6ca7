package schemas

// Reason says why a sample or row has its status, or what was noticed about it.
// The list grows; readers keep reasons they don't know. It is empty where there
// is nothing to say.
type Reason string

// Reasons of samples, set when a source is cut.
const (
	ReasonNoImage           Reason = "no_image"           // no member of the group is an image
	ReasonEmptyImage        Reason = "empty_image"        // the image has no bytes
	ReasonMissingFile       Reason = "missing_file"       // the metadata names a file that is not there
	ReasonUnsafeName        Reason = "unsafe_name"        // the name is absolute or leaves the folder
	ReasonDuplicateKey      Reason = "duplicate_key"      // the key was used before in the part
	ReasonDuplicateMember   Reason = "duplicate_member"   // the group holds two members of one extension
	ReasonTooLarge          Reason = "too_large"          // more bytes than a sample may have
	ReasonUnsupportedFormat Reason = "unsupported_format" // the signature is of no format that is read
	ReasonCorruptImage      Reason = "corrupt_image"      // the file is damaged
	ReasonTruncated         Reason = "truncated"          // the file ends too early
	ReasonBomb              Reason = "decompression_bomb" // more pixels than are decoded
	ReasonBadText           Reason = "bad_text"           // the alt-text is not UTF-8
	ReasonBadContext        Reason = "bad_context"        // the context is not a JSON object
)

// Reasons of caption rows, set by a worker.
const (
	ReasonEmptyCaption Reason = "empty_caption"   // the model ended at once
	ReasonPromptLong   Reason = "prompt_too_long" // the prompt leaves no room in the context
	ReasonEngine       Reason = "engine"          // the runtime failed on this sample alone
	ReasonShardCorrupt Reason = "shard_corrupt"   // the sample shard does not match its digests
	ReasonDeliveries   Reason = "deliveries"      // every attempt at the job ended without a result
	ReasonModel        Reason = "model"           // the model can't do what the recipe asks
)
