package library

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The limits of one attempt: clients and servers that hang must not keep the
// next source waiting.
const (
	attemptTime = 5 * time.Minute
	answerTime  = 20 * time.Second
)

// pipDownload has pip get the wheel, by whichever name pip has here.
func pipDownload(ctx context.Context, a archive, dir string) (string, error) {
	tags := strings.Split(strings.TrimSuffix(a.name, ".whl"), "-") // name, version, python, abi, platform
	args := []string{"download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
		"--implementation", "cp", "--python-version", strings.TrimPrefix(tags[2], "cp"), "--abi", tags[3], "--platform", tags[4],
		"--dest", dir, tags[0] + "==" + tags[1]}
	err := error(exec.ErrNotFound)
	for _, pip := range [][]string{{"pip3"}, {"pip"}, {"python3", "-m", "pip"}} {
		if _, missing := exec.LookPath(pip[0]); missing != nil {
			continue
		}
		if err = run(ctx, dir, pip[0], append(pip[1:], args...)...); err == nil {
			return filepath.Join(dir, a.name), nil
		}
	}
	return "", err
}

// npmPack has npm get the package, without running any of its scripts.
func npmPack(ctx context.Context, a archive, dir string) (string, error) {
	spec := "onnxruntime-node@" + Version
	if err := run(ctx, dir, "npm", "pack", "--silent", "--ignore-scripts", spec); err != nil {
		return "", err
	}
	return filepath.Join(dir, a.name), nil
}

// run runs a client in dir, and gives the end of what it said as its error.
func run(ctx context.Context, dir, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second // a grandchild may hold the pipe open
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if len(said) > 300 {
		said = "… " + said[len(said)-300:]
	}
	if said == "" {
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s: %w: %s", name, err, said)
}

// client gives up on servers that do not answer.
var client = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: answerTime}).DialContext,
	TLSHandshakeTimeout:   answerTime,
	ResponseHeaderTimeout: answerTime,
	DisableKeepAlives:     true,
}}

func get(ctx context.Context, address, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("get %s: %s", address, resp.Status)
	}
	return resp, nil
}

// fromURL gets an archive from where it lies.
func fromURL(address string) func(context.Context, archive, string) (string, error) {
	return func(ctx context.Context, a archive, dir string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, attemptTime)
		defer cancel()
		resp, err := get(ctx, address, "")
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		file := filepath.Join(dir, a.name)
		if err := write(file, resp.Body); err != nil {
			return "", errors.Join(fmt.Errorf("get %s: %w", address, err), os.Remove(file))
		}
		return file, nil
	}
}

// fromPyPI asks a package index (the JSON form of PEP 691) where the wheel lies.
func fromPyPI(index string) func(context.Context, archive, string) (string, error) {
	return func(ctx context.Context, a archive, dir string) (string, error) {
		address, err := findWheel(ctx, index, a.name)
		if err != nil {
			return "", err
		}
		return fromURL(address)(ctx, a, dir)
	}
}

func findWheel(ctx context.Context, index, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	resp, err := get(ctx, index, "application/vnd.pypi.simple.v1+json")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var page struct {
		Files []struct {
			Filename string `json:"filename"`
			URL      string `json:"url"`
		} `json:"files"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&page); err != nil {
		return "", fmt.Errorf("read %s: %w", index, err)
	}
	for _, f := range page.Files {
		if f.Filename == name {
			base, err := url.Parse(index)
			if err != nil {
				return "", err
			}
			rel, err := base.Parse(f.URL)
			if err != nil {
				return "", err
			}
			return rel.String(), nil
		}
	}
	return "", fmt.Errorf("%s does not list %s", index, name)
}
