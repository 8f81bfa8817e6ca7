package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// victimEnv names the state folder in a process that is started to be killed.
const victimEnv = "RECAPTION_TEST_VICTIM"

func TestMain(m *testing.M) {
	Main()
	if dir := os.Getenv(victimEnv); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// where a victim's services are; secrets in the clear, for tests.
type where struct {
	Endpoint, Region, AccessKey, SecretKey, Bucket string
	NATS, User, Password                           string
	Gateway                                        int
}

func tell(s *Services) where {
	return where{
		s.S3.Endpoint, s.S3.Region, s.S3.AccessKey, string(s.S3.SecretKey), s.S3.Bucket,
		s.NATS.URL, s.NATS.User, string(s.NATS.Password), s.S3.child.cmd.Process.Pid,
	}
}

// victim runs services, says where they are, and waits for its end.
func victim(dir string) error {
	s, err := Start(context.Background(), dir)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(tell(s)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
