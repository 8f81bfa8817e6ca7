package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"recaption/internal/jetstream"
	"recaption/internal/secret"
	"recaption/schemas"
)

// settings are all that a file, the environment and flags can set.
type settings struct {
	Log    logSettings    `mapstructure:"log"`
	Store  storeSettings  `mapstructure:"store"`
	NATS   natsSettings   `mapstructure:"nats"`
	Engine engineSettings `mapstructure:"engine"`
	Worker workerSettings `mapstructure:"worker"`
	Cut    cutSettings    `mapstructure:"cut"`
}

type logSettings struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// storeSettings say how an S3 store is reached. Empty fields are left to the
// usual chain of the AWS SDK: environment, shared files, roles.
type storeSettings struct {
	Endpoint  string      `mapstructure:"endpoint"`
	Region    string      `mapstructure:"region"`
	PathStyle bool        `mapstructure:"path_style"`
	CAFile    string      `mapstructure:"ca_file"`
	AccessKey string      `mapstructure:"access_key"`
	SecretKey secret.Text `mapstructure:"secret_key"`
}

type natsSettings struct {
	URL         string      `mapstructure:"url"` // empty: an embedded server
	User        string      `mapstructure:"user"`
	Password    secret.Text `mapstructure:"password"`
	Credentials string      `mapstructure:"credentials"`
	CAFile      string      `mapstructure:"ca_file"`
}

// config is how a server is reached by who has the name. Its URL is empty where
// the server is embedded.
func (s natsSettings) config(name string) jetstream.Config {
	return jetstream.Config{
		URL: s.URL, Name: name, User: s.User, Password: s.Password, CredsFile: s.Credentials, CAFile: s.CAFile,
	}
}

type engineSettings struct {
	Device    string `mapstructure:"device"`
	Threads   int    `mapstructure:"threads"` // of a batch under way; 0: the cores shared among those
	BatchSize int    `mapstructure:"batch_size"`
	Precision string `mapstructure:"precision"` // of the graphs, as [parsePrecision] reads it
}

type workerSettings struct {
	Pool    string        `mapstructure:"pool"`
	Slots   int           `mapstructure:"slots"`   // jobs in hand
	Samples int           `mapstructure:"samples"` // in flight over all slots; 0: what keeps the engine busy
	Lease   time.Duration `mapstructure:"lease"`
	Drain   time.Duration `mapstructure:"drain"`
}

type cutSettings struct {
	Rows  int   `mapstructure:"rows"`
	Bytes int64 `mapstructure:"bytes"`
	Parts int   `mapstructure:"parts"` // cut at once
}

func defaultSettings() settings {
	limits := schemas.DefaultCutLimits()
	return settings{
		Log:    logSettings{Level: "info", Format: "text"},
		Engine: engineSettings{Device: "cpu", BatchSize: 64},
		Worker: workerSettings{Pool: "default", Slots: 2, Lease: 30 * time.Second, Drain: 25 * time.Second},
		Cut:    cutSettings{Rows: limits.Rows, Bytes: limits.Bytes, Parts: 2},
	}
}

// validate names every fault: the setting, its value, and what is wanted.
func (s settings) validate() error {
	var errs []error
	bad := func(key string, value any, want string) {
		errs = append(errs, fmt.Errorf("%s: %v: want %s", key, value, want))
	}
	var level slog.Level
	if level.UnmarshalText([]byte(s.Log.Level)) != nil {
		bad("log.level", s.Log.Level, "debug, info, warn or error")
	}
	if !slices.Contains([]string{"text", "json"}, s.Log.Format) {
		bad("log.format", s.Log.Format, "text or json")
	}
	if (s.Store.AccessKey == "") != (s.Store.SecretKey == "") {
		bad("store.access_key", s.Store.AccessKey, "it and store.secret_key both, or neither")
	}
	if e := s.Store.Endpoint; e != "" && !isWebURL(e) {
		bad("store.endpoint", e, "http://host:port or https://host")
	}
	if c := s.NATS.config(""); c.URL != "" {
		if err := c.Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if d := s.Engine.Device; d != "cpu" && !strings.HasPrefix(d, "cuda:") {
		bad("engine.device", d, "cpu or cuda:0, cuda:1, …")
	}
	if n := s.Engine.Threads; n < 0 || n > 1024 {
		bad("engine.threads", n, "0 to 1024")
	}
	if n := s.Engine.BatchSize; n < 1 || n > 4096 {
		bad("engine.batch_size", n, "1 to 4096")
	}
	if _, err := parsePrecision(s.Engine.Precision); err != nil {
		errs = append(errs, fmt.Errorf("engine.precision: %w", err))
	}
	if _, err := schemas.ParsePool(s.Worker.Pool); err != nil {
		bad("worker.pool", fmt.Sprintf("%q", s.Worker.Pool), "1 to 63 characters of a-z, 0-9, '-' and '_'")
	}
	if n := s.Worker.Slots; n < 1 || n > 64 {
		bad("worker.slots", n, "1 to 64")
	}
	if n := s.Worker.Samples; n < 0 || n > 1<<16 {
		bad("worker.samples", n, "0 to 65536")
	}
	if d := s.Worker.Lease; d < 3*time.Second || d > time.Hour {
		bad("worker.lease", d, "3s to 1h")
	}
	if d := s.Worker.Drain; d < 0 || d > 24*time.Hour {
		bad("worker.drain", d, "0s to 24h")
	}
	if n := s.Cut.Rows; n < 1 || n > 1024 {
		bad("cut.rows", n, "1 to 1024")
	}
	if n := s.Cut.Bytes; n < 1<<20 || n > 256<<20 {
		bad("cut.bytes", n, "1048576 to 268435456")
	}
	if n := s.Cut.Parts; n < 1 || n > 256 {
		bad("cut.parts", n, "1 to 256")
	}
	return errors.Join(errs...)
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// flagKeys maps a flag's name to the setting it sets. A command has those of
// them that it knows.
var flagKeys = map[string]string{
	"log-level":  "log.level",
	"log-format": "log.format",
	"endpoint":   "store.endpoint",
	"region":     "store.region",
	"path-style": "store.path_style",
	"ca-file":    "store.ca_file",
	"nats":       "nats.url",
	"device":     "engine.device",
	"threads":    "engine.threads",
	"batch":      "engine.batch_size",
	"precision":  "engine.precision",
	"pool":       "worker.pool",
	"slots":      "worker.slots",
	"drain":      "worker.drain",
}

// loadSettings reads the settings of one command: flags that were given, then
// RECAPTION_* variables, then the file of --config, then the defaults. Unknown
// keys and variables are errors, as are values of another kind.
func loadSettings(flags *pflag.FlagSet) (settings, error) {
	v := viper.New()
	v.SetEnvPrefix(strings.TrimSuffix(envPrefix, "_"))
	v.SetEnvKeyReplacer(envNames)
	v.AutomaticEnv()
	defaults, err := defaultValues()
	if err != nil {
		return settings{}, err
	}
	for key, value := range defaults {
		v.SetDefault(key, value) // so that viper looks for its variable
	}
	known := slices.Sorted(maps.Keys(defaults))
	if err := checkEnvironment(os.Environ(), known); err != nil {
		return settings{}, usagef("settings: %w", err)
	}
	if path, _ := flags.GetString("config"); path != "" {
		v.SetConfigFile(path)
		v.SetConfigType("yaml")
		if err := v.ReadInConfig(); err != nil {
			return settings{}, usagef("read settings %s: %w", path, err)
		}
		if err := checkKeys(v, known); err != nil {
			return settings{}, usagef("read settings %s: %w", path, err)
		}
	}
	for name, key := range flagKeys {
		if f := flags.Lookup(name); f != nil && f.Changed {
			if err := v.BindPFlag(key, f); err != nil {
				return settings{}, fmt.Errorf("bind --%s: %w", name, err)
			}
		}
	}
	if err := setTypes(v, defaults); err != nil {
		return settings{}, usagef("settings: %w", err)
	}
	var s settings
	if err := v.UnmarshalExact(&s); err != nil {
		return settings{}, usagef("settings: %w", err)
	}
	if err := s.validate(); err != nil {
		return settings{}, usagef("settings: %w", err)
	}
	return s, nil
}

// defaultValues are the defaults of all settings, by their keys.
func defaultValues() (map[string]any, error) {
	var tree map[string]any
	if err := mapstructure.Decode(defaultSettings(), &tree); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	flat := map[string]any{}
	var set func(prefix string, tree map[string]any)
	set = func(prefix string, tree map[string]any) {
		for k, value := range tree {
			if sub, ok := value.(map[string]any); ok {
				set(prefix+k+".", sub)
				continue
			}
			flat[prefix+k] = value
		}
	}
	set("", tree)
	return flat, nil
}
