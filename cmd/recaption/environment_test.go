package main

import "testing"

func TestCheckEnvironment(t *testing.T) {
	t.Parallel()
	keys := []string{"engine.batch_size", "engine.device", "store.secret_key", "nats.url"}
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"settings":         {environ: []string{"RECAPTION_ENGINE_BATCH_SIZE=3", "RECAPTION_NATS_URL=x", "HOME=/"}},
		"other prefix":     {environ: []string{"RECAPTIONIST=1", "recaption_engine=1"}},
		"the program's":    {environ: []string{"RECAPTION_CACHE=/c", "RECAPTION_TEST_MODEL=m"}},
		"empty is not set": {environ: []string{"RECAPTION_ENGINE_BATCHSIZE="}},
		"a service called recaption": {environ: []string{
			"RECAPTION_SERVICE_HOST=10.0.0.1", "RECAPTION_SERVICE_PORT=80", "RECAPTION_PORT=tcp://10.0.0.1:80", "RECAPTION_PORT_80_TCP_ADDR=10.0.0.1",
		}},
		"a service called recaption-nats": {environ: []string{
			"RECAPTION_NATS_SERVICE_HOST=10.0.0.1", "RECAPTION_NATS_SERVICE_PORT_CLIENT=4222", "RECAPTION_NATS_PORT_4222_TCP=tcp://10.0.0.1:4222",
		}},
		"a typo": {
			environ: []string{"RECAPTION_ENGINE_BATCHSIZE=3"},
			want:    "environment variable RECAPTION_ENGINE_BATCHSIZE sets nothing: did you mean RECAPTION_ENGINE_BATCH_SIZE?",
		},
		"two, values not told": {
			environ: []string{"RECAPTION_STORE_SECRETKEY=hunter2", "RECAPTION_CASH=/c"},
			want: "environment variable RECAPTION_STORE_SECRETKEY sets nothing: did you mean RECAPTION_STORE_SECRET_KEY?\n" +
				"environment variable RECAPTION_CASH sets nothing: did you mean RECAPTION_CACHE?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := checkEnvironment(c.environ, keys); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"batchsize", "batch_size", 1}} {
		if got := changes(c.a, c.b); got != c.want {
			t.Errorf("changes(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
