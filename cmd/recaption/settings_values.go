package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/viper"
)

// checkKeys names every key of the settings file that is none, with the known
// one that is spelled most like it.
func checkKeys(v *viper.Viper, known []string) error {
	var errs []error
	list := false
	for _, key := range slices.Sorted(slices.Values(v.AllKeys())) {
		if slices.Contains(known, key) {
			continue
		}
		var below []string
		for _, k := range known {
			if strings.HasPrefix(k, key+".") {
				below = append(below, strings.TrimPrefix(k, key+"."))
			}
		}
		value := v.Get(key)
		_, commentedOut := value.(map[string]any) // all its keys: these are the defaults
		switch {
		case below == nil:
			errs = append(errs, fmt.Errorf("unknown key %s: did you mean %s?", key, nearest(key, known)))
			list = true
		case !commentedOut:
			errs = append(errs, fmt.Errorf("%s: %v: want a mapping with keys of %s", key, value, strings.Join(below, ", ")))
		}
	}
	if list {
		errs = append(errs, fmt.Errorf("the known keys are %s", strings.Join(known, ", ")))
	}
	return errors.Join(errs...)
}

// setTypes gives every setting the type that its default has. Variables are
// text, and a file holds what YAML makes of it; what would lose a part of its
// value on the way, such as 1.5 for a whole number, is an error.
func setTypes(v *viper.Viper, defaults map[string]any) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		value, want := v.Get(key), ""
		if value == nil {
			continue
		}
		kind := reflect.TypeOf(defaults[key])
		switch {
		case reflect.TypeOf(value) == kind:
			continue
		case kind == reflect.TypeFor[time.Duration]():
			text, isText := value.(string)
			d, err := time.ParseDuration(text)
			if !isText || err != nil {
				want = "a duration with its unit, such as 30s or 5m"
			}
			value = d
		case kind.Kind() == reflect.Bool:
			b, err := strconv.ParseBool(fmt.Sprint(value))
			if _, isText := value.(string); !isText || err != nil {
				want = "true or false"
			}
			value = b
		case kind.Kind() == reflect.Int, kind.Kind() == reflect.Int64:
			n, ok := whole(value)
			if !ok {
				want = "a whole number"
			}
			value = n
		default:
			if _, isText := value.(string); !isText {
				want = "a text; put it in quotes"
			}
		}
		if want != "" {
			errs = append(errs, fmt.Errorf("%s: %v: want %s", key, tellable(v.Get(key), kind), want))
			continue
		}
		v.Set(key, reflect.ValueOf(value).Convert(kind).Interface())
	}
	return errors.Join(errs...)
}

// tellable is a value as an error may tell it: a secret is stars.
func tellable(value any, kind reflect.Type) any {
	if _, ok := reflect.Zero(kind).Interface().(fmt.Stringer); ok && kind.Kind() == reflect.String {
		return "***"
	}
	return value
}

// whole reads a whole number from text, or from what YAML made of one; 1e6 is
// one too.
func whole(value any) (int64, bool) {
	switch n := value.(type) {
	case string:
		i, err := strconv.ParseInt(n, 10, 64)
		return i, err == nil
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		return int64(n), n == math.Trunc(n) && math.Abs(n) <= 1<<53
	}
	return 0, false
}
