package mix

// What the first published version gave. The numbers were drawn a second time
// by another program, from the documentation of [NewRandom] alone.
const (
	frozenSmall    = "1e7bb37a836109af"
	frozenLarge    = "bcd13a77256d7709"
	frozenNegative = "a blue cube left of a red ball"
)

var (
	frozenNumbers = [3]uint64{0x7bffa852676eee3d, 0xa245f31813856113, 0xe293d70bd288f8e6}
	frozenTexts   = []string{
		"caption a 1 [0]",
		"caption b 0 []",
		"caption a 0 []",
		"original  0 []",
		"caption a 0 []",
		"caption b 0 []",
		"caption a 1 [0 3]",
		"caption b 0 []",
		"original  0 []",
		"original  0 []",
		"original  0 []",
		"caption a 0 []",
	}
)
