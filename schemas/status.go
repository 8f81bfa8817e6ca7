package schemas

// SampleStatus says whether a sample can be captioned. The list is closed.
type SampleStatus string

// The statuses of a sample.
const (
	SampleOK          SampleStatus = "ok"
	SampleUnreachable SampleStatus = "unreachable" // the image could not be fetched
	SampleUnusable    SampleStatus = "unusable"    // the image is missing, damaged or refused
	SampleWithdrawn   SampleStatus = "withdrawn"   // taken down by its owner
)

// SampleStatuses lists them all, in the order of summaries.
func SampleStatuses() []SampleStatus {
	return []SampleStatus{SampleOK, SampleUnreachable, SampleUnusable, SampleWithdrawn}
}

// RowStatus says what became of a sample in one job. The list is closed: the
// three of captioning, and the sample's own status where it was not ok.
type RowStatus string

// The statuses of a caption row.
const (
	RowCaptioned   RowStatus = "captioned"
	RowRefused     RowStatus = "refused" // the model gave no text
	RowFailed      RowStatus = "failed"  // decoding or the engine failed
	RowUnreachable RowStatus = RowStatus(SampleUnreachable)
	RowUnusable    RowStatus = RowStatus(SampleUnusable)
	RowWithdrawn   RowStatus = RowStatus(SampleWithdrawn)
)

// RowStatuses lists them all, in the order of summaries.
func RowStatuses() []RowStatus {
	return []RowStatus{RowCaptioned, RowRefused, RowFailed, RowUnreachable, RowUnusable, RowWithdrawn}
}

func (s SampleStatus) valid() bool {
	for _, v := range SampleStatuses() {
		if s == v {
			return true
		}
	}
	return false
}

func (s RowStatus) valid() bool {
	for _, v := range RowStatuses() {
		if s == v {
			return true
		}
	}
	return false
}
