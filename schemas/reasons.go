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
	ReasonBadText           Reason = "bad_text"           // the alt-text is not UTF-8, or too long: the sample has none
	ReasonBadContext        Reason = "bad_context"        // the context is not a JSON object, or too long: the sample has none
	ReasonUnreadable        Reason = "unreadable"         // the file's permissions don't let it be read
	ReasonBadMetadata       Reason = "bad_metadata"       // the metadata's row can't be read, or names no file
	ReasonNotInMetadata     Reason = "not_in_metadata"    // the image has no row in the metadata
	ReasonDamagedPart       Reason = "damaged_part"       // the part is damaged beside the sample: it may lack its text or context
)

// Reasons of faults, counted for a part beside its samples.
const (
	ReasonBadHeader      Reason = "bad_header"        // a tar header can't be understood: members up to the next were lost
	ReasonCutInHeader    Reason = "cut_in_header"     // the tar ends within a header
	ReasonCutInData      Reason = "cut_in_data"       // the tar ends within a member's data
	ReasonNoEnd          Reason = "no_end_of_archive" // the tar ends at a member's end, without its end blocks
	ReasonJoinedArchive  Reason = "joined_archive"    // another tar follows the tar's end; it was read
	ReasonTrailingBytes  Reason = "trailing_bytes"    // something that is no tar follows the tar's end
	ReasonBadCompression Reason = "bad_compression"   // the part can't be unpacked further
	ReasonLink           Reason = "link"              // a link was passed over
	ReasonDevice         Reason = "device"            // a device, a pipe or a socket was passed over
	ReasonOtherMember    Reason = "other_member"      // a sparse file, or a member of a vendor's own kind, was passed over
	ReasonHiddenMember   Reason = "hidden_member"     // a base name that begins with a dot was passed over
	ReasonNoExtension    Reason = "no_extension"      // a base name without a dot was passed over
	ReasonMetaMember     Reason = "meta_member"       // a name of the form __x__ was passed over
	ReasonIgnored        Reason = "ignored_extension" // a member or file of an extension that is not read
	ReasonSeveralImages  Reason = "several_images"    // the group holds images of several extensions; one was taken
	ReasonEscapedName    Reason = "escaped_name"      // the name is not printable UTF-8; the key has %XX for the rest
)

// Reasons of caption rows, set by a worker.
const (
	ReasonNoPrompt     Reason = "no_prompt"       // the sample lacks a variable of every prompt
	ReasonEmptyCaption Reason = "empty_caption"   // the model ended at once
	ReasonPromptLong   Reason = "prompt_too_long" // the prompt leaves no room in the context
	ReasonEngine       Reason = "engine"          // the runtime failed on this sample alone
	ReasonShardCorrupt Reason = "shard_corrupt"   // the sample shard does not match its digests
	ReasonDeliveries   Reason = "deliveries"      // every attempt at the job ended without a result
	ReasonModel        Reason = "model"           // the model can't do what the recipe asks
)
