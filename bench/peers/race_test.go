package peers

import (
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a side that answers each line with the next of the seconds.
func script(first string, seconds ...string) *exec.Cmd {
	text := "echo " + first + "\n"
	for _, s := range seconds {
		text += `read line || exit 0; echo '{"seconds":` + s + `,"memory":5}'` + "\n"
	}
	return exec.Command("sh", "-c", text)
}

func TestRace(t *testing.T) {
	got, err := Race(t.Context(), 3, script("ready", "1", "3", "2"), script("ready", "6", "4", "5"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := Median(got[0]), Median(got[1]); a.Seconds != 2 || b.Seconds != 5 || a.Memory != 5 {
		t.Errorf("medians %v and %v", a, b)
	}
}

func TestRaceFaults(t *testing.T) {
	for name, cmd := range map[string]*exec.Cmd{
		"is not ready":     script("sorry", "1"),
		"ends too early":   script("ready", "1"),
		"answers no JSON":  script("ready", "1", "x"),
		"says why it ends": exec.Command("sh", "-c", "echo no torch >&2; exit 3"),
	} {
		_, err := Race(t.Context(), 2, cmd)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if strings.HasPrefix(name, "says") && !strings.Contains(err.Error(), "no torch") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
