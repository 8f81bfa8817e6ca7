package scenes_test

import (
	"fmt"

	"recaption/internal/scenes"
)

func ExampleSet_At() {
	s := scenes.Set{Seed: 1, Split: scenes.Train, World: scenes.General}.At(1)
	fmt.Println(s.Alt.Text)
	fmt.Println(s.Caption(0))
	// Output:
	// plain heart from Skubu, pic, plain yellow circle
	// The picture shows two objects on a smooth mint background. There is a large plain white circle. A small plain blue heart sits on top of the white circle. The heart is made by Skubu.
}
