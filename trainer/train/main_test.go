package train

import (
	"testing"

	"recaption/internal/ort/orttest"
)

func TestMain(m *testing.M) { orttest.Main(m) }
