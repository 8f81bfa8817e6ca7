package memstore_test

import (
	"testing"

	"recaption/shards"
	"recaption/shards/memstore"
	"recaption/shards/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.DefaultConfig(), func(*testing.T) shards.Store { return memstore.New() })
}
